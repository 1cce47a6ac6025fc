"""Where digits of other hands come from: found, downloaded and checked."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.test_download import served
from training.errors import DataError
from training.hands import sources
from training.hands.sources import SOURCES, SWISS, UJI, UNIPEN, Use

TEXT = b"one, two"
HELD = UJI._replace(file="held.txt.gz", sha256=hashlib.sha256(TEXT).hexdigest())


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    site = tmp_path / "site"
    site.mkdir()
    for name, content in {"first": TEXT[:3], "second": TEXT[3:]}.items():
        (site / name).write_bytes(content)
    with served(site) as address:
        yield address


def test_parts_are_joined_and_kept(tmp_path: Path, url: str) -> None:
    joined = HELD._replace(parts=(f"{url}/first", f"{url}/second"))
    assert sources.read(joined, tmp_path / "cache") == TEXT
    assert gzip.decompress((tmp_path / "cache" / "held.txt.gz").read_bytes()) == TEXT
    assert sources.read(joined._replace(parts=("http://127.0.0.1:1/gone",)), tmp_path / "cache") == TEXT


@pytest.mark.parametrize("parts", [("first",), ("absent",)])
def test_what_is_not_what_it_should_be_is_not_kept(tmp_path: Path, url: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"held.txt.gz"):
        sources.read(HELD._replace(parts=[f"{url}/{part}" for part in parts]), tmp_path / "cache")
    assert not [*(tmp_path / "cache").iterdir()]


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / HELD.file).write_bytes(gzip.compress(b"other"))
    with pytest.raises(DataError, match="expected"):
        sources.read(HELD, tmp_path)


def test_what_cannot_be_downloaded_says_what_to_make_it_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="anagnostes at fd24d4bf"):
        sources.read(SWISS, tmp_path)


def test_the_folder_is_the_variables_or_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.VARIABLE, "/some/where")
    assert sources.folder() == Path("/some/where")
    monkeypatch.delenv(sources.VARIABLE)
    assert sources.folder() == sources.CACHE.expanduser()


def test_what_is_for_testing_is_for_nothing_else() -> None:
    assert UNIPEN.uses == {Use.TEST}
    assert all(Use.TEST not in one.uses for one in SOURCES if one is not UNIPEN)
    assert all(one.licence and one.credit and (one.parts or one.made_from) for one in SOURCES)
