"""Inputs: every kind gives the same images in the same order; what is broken as a whole is told before."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.bulk.inputs import _row_ranges, check, shards
from app.bulk.pieces import ManyFrames, Pictures
from app.bulk.shards import ArrayShard, InputError, Shard

Digits = NDArray[np.uint8]
MOST = 1_000_000


def png(frame: Digits) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG")
    return file.getvalue()


def idx(frames: Digits) -> bytes:
    return struct.pack(">4sIII", b"\0\0\x08\x03", *frames.shape) + frames.tobytes()


def images_of(found: list[Shard]) -> dict[str, Digits]:
    """All by id, as pixels."""
    images: dict[str, Digits] = {}
    for shard in found:
        read: list[str] = []
        for piece in shard.read(MOST):
            contents = list(piece.frames if isinstance(piece, ManyFrames) else piece.contents)
            pixels = [np.asarray(Image.open(io.BytesIO(one))) if isinstance(one, bytes) else one for one in contents]
            images.update(zip(piece.ids, pixels, strict=True))
            read += piece.ids
        assert read == list(shard.ids())
        assert len(read) == shard.images
    return images


def folder(at: Path, digits: Digits) -> Path:
    at.mkdir()
    for place, digit in enumerate(digits):
        (at / f"{place}.png").write_bytes(png(digit))
    return at


def archive(at: Path, digits: Digits) -> Path:
    with zipfile.ZipFile(at, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("__MACOSX/._0.png", b"litter")
        for place, digit in enumerate(digits):
            file.writestr(f"{place}.png", png(digit))
    return at


def npy(at: Path, digits: Digits) -> Path:
    with at.open("wb") as file:
        np.save(file, digits.astype(np.float32))
    return at


def mnist(at: Path, digits: Digits) -> Path:
    at.write_bytes(idx(digits))
    return at


def parquet(at: Path, digits: Digits, *, how: str = "binary") -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    columns = {
        "binary": pyarrow.array([png(digit) for digit in digits]),
        "struct": pyarrow.array([{"bytes": png(digit), "path": "http://127.0.0.1:9/never.png"} for digit in digits]),
        "pixels": pyarrow.array([digit.tobytes() for digit in digits], pyarrow.binary(784)),
    }
    label = pyarrow.array(range(len(digits)))
    files.write_table(pyarrow.table({"label": label, "image": columns[how]}), at, row_group_size=4)
    return at


@pytest.mark.parametrize("make", [folder, archive, npy, mnist, parquet])
def test_every_kind_of_input_gives_all_images_in_order(
    make: Callable[[Path, Digits], Path], tmp_path: Path, digits: Digits
) -> None:
    found = list(shards([make(tmp_path / "source", digits)], 3))
    assert len(found) >= 3
    assert np.array_equal(list(images_of(found).values()), digits)
    assert [shard.key() for shard in shards([tmp_path / "source"], 3)] == [shard.key() for shard in found]


@pytest.mark.parametrize("how", ["binary", "struct", "pixels"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 100])
def test_columns_of_images_are_cut_anywhere(how: str, size: int, tmp_path: Path, digits: Digits) -> None:
    found = images_of(list(shards([parquet(tmp_path / "source", digits, how=how)], size)))
    assert np.array_equal(list(found.values()), digits)


def test_a_folder_is_read_folder_by_folder_with_the_files_that_hold_many(tmp_path: Path, digits: Digits) -> None:
    source = folder(tmp_path / "source", digits[:2])
    npy(source / "1.npy", digits[2:4])
    folder(source / "more", digits[4:5])
    (source / ".DS_Store").write_bytes(b"litter")
    os.mkfifo(source / "pipe")
    ids = [one for shard in shards([source], 10) for one in shard.ids()]
    names = ["1.npy#0", "1.npy#1", "0.png", "1.png", "more/0.png"]
    assert ids == [f"{source}/{name}" for name in names]


def test_a_file_whose_name_is_no_text_has_an_id(tmp_path: Path, digits: Digits) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(png(digits[0]))
    assert [one for shard in shards([tmp_path], 10) for one in shard.ids()] == [f"{tmp_path}/\\xff.png"]


def test_what_is_another_input_has_another_key(tmp_path: Path, digits: Digits) -> None:
    source = mnist(tmp_path / "source", digits)
    keys = {next(shards([source], 10)).key()}
    os.utime(source, ns=(0, 1))
    keys.add(next(shards([source], 10)).key())
    keys.add(next(shards([source], 5)).key())
    assert len(keys) == 3


def test_single_frames_and_files_that_are_none_have_their_own_errors(tmp_path: Path, digits: Digits) -> None:
    frames = digits.astype(np.float64)
    frames[3], frames[5] = np.nan, 0
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, frames)
    (shard,) = shards([tmp_path / "a.npy"], 100)
    (piece,) = shard.read(MOST)
    assert isinstance(piece, ManyFrames)
    assert {place: error.code for place, error in piece.errors.items()} == {3: "undecodable", 5: "no_ink"}
    assert np.array_equal(piece.frames, digits[[0, 1, 2, 4, 6, 7, 8, 9]])

    source = folder(tmp_path / "source", digits[:3])
    (source / "1.png").write_bytes(b"")
    (source / "2.png").write_bytes(bytes(MOST + 1))
    (shard,) = shards([source], 100)
    (source / "0.png").unlink()
    (piece,) = shard.read(MOST)
    assert isinstance(piece, Pictures)
    codes = [getattr(content, "code", None) for content in piece.contents]
    assert codes == ["undecodable", "undecodable", "body_too_large"]


def _url_column(at: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    files.write_table(pyarrow.table({"image": ["http://127.0.0.1:9/a.png"]}), at)


def _two_columns(at: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    files.write_table(pyarrow.table({"a": [b"x"], "b": [b"y"]}), at)


def _cut(make: Callable[[Path, Digits], Path]) -> Callable[[Path], None]:
    def made(at: Path) -> None:
        make(at, np.ones((10, 28, 28), np.uint8))
        at.write_bytes(at.read_bytes()[:-100])

    return made


def _objects(at: Path) -> None:
    with at.open("wb") as file:
        np.save(file, np.array([{}], object), allow_pickle=True)


def _of_shape(*shape: int) -> Callable[[Path], None]:
    return lambda at: npy(at, np.ones(shape, np.uint8)) and None


def _namesakes(at: Path) -> None:
    archive(at, np.ones((2, 28, 28), np.uint8))
    at.write_bytes(at.read_bytes().replace(b"1.png", b"0.png"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_cut(archive), "cannot be read as a ZIP archive"),
        (_namesakes, "two files of one name"),
        (_cut(npy), "is cut off"),
        (_objects, "holds object"),
        (_of_shape(10, 784), r"shape \[10, 784\]"),
        (_cut(mnist), "is cut off"),
        (lambda at: at.write_bytes(b"\0\0\x08\x01\0\0\0\x01\x07"), "holds labels"),
        (lambda at: at.write_bytes(b"\x1f\x8b\x08\0\0\0"), "gunzip it first"),
        (lambda at: at.write_bytes(png(np.ones((28, 28), np.uint8))), "within its folder"),
        (lambda at: at.write_bytes(b""), "begins with b''"),
        (_cut(parquet), "cannot be read as Parquet"),
        (_url_column, "addresses are not fetched"),
        (_two_columns, "choose one by --column"),
    ],
)
def test_what_is_broken_as_a_whole_is_told(make: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    make(tmp_path / "source")
    with pytest.raises(InputError, match=reason):
        list(shards([tmp_path / "source"], 10))


def test_a_file_that_shrinks_meanwhile_is_told(tmp_path: Path, digits: Digits) -> None:
    (shard,) = shards([mnist(tmp_path / "source", digits)], 10)
    assert isinstance(shard, ArrayShard)
    (tmp_path / "source").write_bytes(idx(digits)[:1000])
    with pytest.raises(InputError, match="has become shorter"):
        list(shard.read(MOST))


def test_one_input_within_another_or_nowhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        check([tmp_path / "a"])
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a.b").mkdir()
    check([tmp_path / "a", tmp_path / "a.b"])
    for twice in ([tmp_path / "a"] * 2, [tmp_path / "a.b", tmp_path / "a" / "b", tmp_path / "a"]):
        with pytest.raises(InputError, match="scored twice"):
            check(twice)


@pytest.mark.parametrize("rows", [[], [0], [1], [5, 0, 5], [100], [3] * 7, [1, 1000, 1], [0, 0, 7, 40, 2]])
def test_row_groups_are_cut_without_gap_or_overlap(rows: list[int]) -> None:
    at = 0
    for groups, first, start, stop in _row_ranges(rows, 10):
        assert start == at
        assert first == sum(rows[: groups[0]])
        assert first <= start < stop <= first + sum(rows[group] for group in groups)
        assert stop - start <= max(10, -(-max(rows) // 16))
        at = stop
    assert at == sum(rows)
