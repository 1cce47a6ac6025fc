"""`digitserve-client` as a process of its own, against a real service: what it writes, where, and its exit status."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import ROOT, wait_until

NOBODY = "http://127.0.0.1:9"


def command(
    service: str, *words: str | Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "digitserve_client", "--url", service, *map(str, words)],
        input=stdin,
        capture_output=True,
        env=os.environ | {"COLUMNS": "200", **environment},
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path, digits: NDArray[np.uint8]) -> Path:
    """Of three pictures, one of them further down, and of what is none."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for digit, name in ((3, "3.png"), (8, "8.bmp"), (5, "deep/five")):
        paper = Image.fromarray(255 - np.kron(digits[digit], np.ones((5, 5), np.uint8)))
        paper.save(tmp_path / "in" / name, "BMP" if name.endswith("bmp") else "PNG")
    (tmp_path / "in" / "letter.txt").write_text("Dear Sir")
    (tmp_path / "in" / ".hidden.png").write_bytes((tmp_path / "in" / "3.png").read_bytes())
    return tmp_path / "in"


def test_a_folder_is_read_picture_by_picture(service: str, folder: Path) -> None:
    done = command(service, "predict", folder)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode().splitlines()
    assert [line.partition(" (")[0] for line in said] == [
        f"{folder}/{name}: {digit}" for name, digit in (("3.png", 3), ("8.bmp", 8), ("deep/five", 5))
    ]
    assert done.stderr.decode() == "3 pictures, 0 without an answer\n"


def test_tables_and_objects_have_all_that_is_said(service: str, folder: Path, tmp_path: Path) -> None:
    files = [folder / "3.png", folder / "letter.txt"]
    as_csv = command(service, "predict", *files, "--csv", "--quiet")
    assert (as_csv.returncode, as_csv.stderr) == (1, b"")
    good, bad = csv.DictReader(io.StringIO(as_csv.stdout.decode()))
    assert (good["name"], good["digit"], good["verdict"], good["error"]) == (str(files[0]), "3", "ok", "")
    assert (bad["digit"], bad["error"]) == ("", "not_an_image")
    assert "b'Dear Sir'" in bad["detail"]
    out = tmp_path / "answers"
    assert command(service, "predict", *files, "--json", "--out", out).stdout == b""
    first, second = map(json.loads, out.read_text().splitlines())
    assert (first["digit"], len(first["probabilities"]), second["error"]["code"]) == (3, 10, "not_an_image")
    assert command(service, "predict", *files, "--parquet", "--out", out).returncode == 1
    assert pq.read_table(out).column("digit").to_pylist() == [3, None]


def test_stdin_holds_a_picture_or_paths(service: str, folder: Path) -> None:
    picture = command(service, "predict", "-", "--csv", stdin=(folder / "3.png").read_bytes())
    assert b"\n-,3," in picture.stdout
    for ends in (b"\n", b"\0"):
        paths = ends.join(os.fsencode(folder / name) for name in ("8.bmp", "3.png")) + ends
        listed = command(service, "predict", "-", "--csv", stdin=paths).stdout.decode().splitlines()
        assert [line.split(",")[1] for line in listed] == ["digit", "8", "3"]


def test_frames_of_an_array_have_their_places(service: str, digits: NDArray[np.uint8], tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", digits)
    rows = list(csv.DictReader(io.StringIO(command(service, "predict", tmp_path / "all.npy", "--csv").stdout.decode())))
    assert [row["digit"] for row in rows] == [str(digit) for digit in range(10)]
    assert rows[7]["name"] == f"{tmp_path}/all.npy[7]"


def test_numbers_are_read(service: str, folder: Path) -> None:
    files = [ROOT / "examples" / "7.png", folder / "letter.txt"]
    done = command(service, "read", *files, "--csv")
    good, bad = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert (good["text"], bad["error"], done.returncode) == ("7", "unreadable_file", 1)
    assert float(good["width"]) > 0


def test_heat_maps_are_written(service: str, folder: Path, tmp_path: Path) -> None:
    done = command(service, "explain", folder / "3.png", "--out", tmp_path / "maps")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "maps" / "3.png.heatmap.png") as picture:
        assert picture.format == "PNG"
    assert b": 3 (" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["predict", "none.png"], 2, "none.png is no file or folder"),
        (["predict", "x", "--csv", "--json"], 2, "exclude each other"),
        (["predict", "x", "--parquet"], 2, "--out"),
        (["predict"], 2, "INPUT"),
        (["watch", "none"], 2, "none"),
        (["predict", str(ROOT / "examples")], 3, "is the service running at this address?"),
        (["--wait", "0.3", "predict", str(ROOT / "examples")], 3, "is the service running at this address?"),
        (["--url", "nowhere", "predict", "x"], 2, "begin it with http://"),
    ],
)
def test_what_goes_wrong_is_said_and_has_a_status(service: str, words: list[str], status: int, said: str) -> None:
    done = command(NOBODY if status == 3 else service, *words)
    assert (done.returncode, done.stdout) == (status, b"")
    assert said in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr


def test_the_address_and_the_key_may_stand_in_the_environment(service: str) -> None:
    words = [sys.executable, "-m", "digitserve_client", "predict", str(ROOT / "examples" / "7.png")]
    environment = os.environ | {"DIGITS_URL": service, "DIGITS_KEY": "a-key-that-nobody-asks-for"}
    assert b": 7 (" in subprocess.run(words, env=environment, capture_output=True, check=True).stdout


def test_a_shell_completes_it(service: str) -> None:
    done = command(
        service, _DIGITSERVE_CLIENT_COMPLETE="complete_bash", COMP_WORDS="digitserve-client pre", COMP_CWORD="1"
    )
    assert done.stdout.strip() == b"predict"


def test_without_its_extra_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['typer'] = None; from digitserve_client.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "the command needs what is not installed: pip install 'digitserve-client[cli]'\n",
    )


def test_a_folder_is_watched(service: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen"
    words: list[Any] = ["--url", service, "watch", folder, "--every", "0.05", "--json", "--out", out]
    with subprocess.Popen([sys.executable, "-m", "digitserve_client", *words], stderr=subprocess.PIPE) as process:
        wait_until(out.exists)
        picture = (folder / "3.png").read_bytes()
        wait_until(lambda: appears(folder / "new", picture, out), 30)
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, b"")
    names = [json.loads(line)["name"] for line in out.read_text().splitlines()]
    assert set(names) == {str(folder / "new" / "0.png")}


def appears(folder: Path, picture: bytes, out: Path) -> bool:
    """Whether it is seen; written again as long as it is not, as the folder may not have been looked at yet."""
    folder.mkdir(exist_ok=True)
    (folder / "0.png").write_bytes(picture)
    wait_until(lambda: out.stat().st_size, 5)
    return bool(out.stat().st_size)
