"""Where digits of other hands come from, what may be done with each, and how they are found."""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from training import download, idx
from training.errors import DataError

VARIABLE = "DIGITSERVE_HANDS"
CACHE = Path("~/.cache/digitserve/hands")


class Use(StrEnum):
    """What a source is for. What is for testing is read once for a released bundle, and chooses nothing."""

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"


class Source(NamedTuple):
    file: str
    sha256: str
    """Of the file; where its name ends in .gz, of what it holds."""
    what: str
    licence: str
    credit: str
    uses: frozenset[Use]
    parts: Sequence[str] = ()
    """Addresses of what is joined to these bytes; none where the file cannot be had so."""
    made_from: str = ""
    """What it was made from, where it cannot be downloaded as it is."""


COPY = (
    "https://raw.githubusercontent.com/yangxikevinou/DigitSignature/16f5add2ccfb27c380541ac6fbf2cc5858084695/DataSource"
)
SWISS = Source(
    "swiss.zip",
    "13158d63d1158fa98f8f24d0d536ab27baf7becc079d946b63a6a45954b58ecb",
    "12,221 scans of single digits by 20 writers of Switzerland and one of the USA",
    "CC0-1.0",
    "kensanata/numbers, as of June 2017",
    frozenset({Use.TRAINING, Use.VALIDATION}),
    made_from="BSI-Business-Systems-Integration-AG/anagnostes at fd24d4bf18dd042708ff928c30151f65678ddc34, numbers/, "
    "each picture laid on white and packed into one ZIP as numbers/WRITER/DIGIT/NAME.png",
)
PENDIGITS = Source(
    "pendigits-orig-tra.txt.gz",
    "a66225d68d7d68591e62944df1ad33b3f5aa608e2df2505844b41f5568a80da4",
    "7,494 trajectories of a pen by 30 writers of Turkey",
    "CC-BY-4.0",
    "E. Alpaydin and F. Alimoglu, Pen-Based Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998",
    frozenset({Use.TRAINING}),
    (f"{COPY}/pendigits-orig-tra.txt",),
)
PENDIGITS_OTHERS = PENDIGITS._replace(
    file="pendigits-orig-tes.txt.gz",
    sha256="ddb1c19e277a56c7ffe682cc024d6ab73696f9adcc1643ef9ed5aa753007e081",
    what="3,498 trajectories of a pen by 14 other writers of Turkey",
    uses=frozenset({Use.VALIDATION}),
    parts=(f"{COPY}/pendigits-orig-tes.txt",),
)
UJI = Source(
    "ujipenchars-w01-w11.txt.gz",
    "ee350e1ab0f91aae6686a78210c135ee141d52de6fcf44c5d1b3b974cfdc80ee",
    "220 digits among the characters that 11 writers of Spain wrote with a pen",
    "CC-BY-4.0",
    "D. Llorens et al., The UJIpenchars Database, 2008, UCI Machine Learning Repository",
    frozenset({Use.VALIDATION}),
    tuple(f"{COPY}/UJIpenchars-w{writer:02}.txt" for writer in range(1, 12)),
)
UNIPEN = Source(
    "unipen-test.npz",
    "dd3fe9d9606567861841dc4e06e35f55692c7cf581093c65758dcb2f4dc7d0c3",
    "15,189 digits of UNIPEN's train_r01_v07, category 1a, by writers of 14 contributors, drawn as frames",
    "CC-BY-4.0 as the copy says; research use as its CD of 1999 said",
    "I. Guyon et al., UNIPEN, 1994 to 1999",
    frozenset({Use.TEST}),
    made_from="GreenCappuccino/train_r01_v07 at 552a4d440bc94bb34710650c0826be7deb986f7c",
)
SOURCES = (SWISS, PENDIGITS, PENDIGITS_OTHERS, UJI, UNIPEN)


def folder() -> Path:
    """$DIGITSERVE_HANDS, else the user's cache."""
    return Path(os.environ.get(VARIABLE) or CACHE.expanduser())


def at_hand(source: Source, where: Path | None = None) -> bool:
    """Whether its file is there already."""
    return ((where or folder()) / source.file).is_file()


def read(source: Source, where: Path | None = None) -> bytes:
    """What its file holds, unpacked where that is .gz, downloaded into the folder where it is not there
    and can be had.

    Raises DataError where it cannot be had, or is not what it should be.
    """
    path = (where or folder()) / source.file
    if not path.is_file():
        if not source.parts:
            raise DataError(
                f"{path} is not there, and cannot be downloaded as it is: make it from {source.made_from}; then pass "
                f"its folder as {VARIABLE}"
            )
        download.join(path, source.parts, source.sha256)
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = idx.decompress(content, path)
    idx.check_digest(content, source.sha256, path)
    return content
