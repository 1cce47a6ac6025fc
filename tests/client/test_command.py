"""`digitserve-client` as a process of its own, against a real service: what it writes, where, and its exit status."""

import csv
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import ROOT, wait_until

from .scripted import FOUR, Answer, Asked, Script, batch, problem, serving
from .test_many import free_port

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
    assert b"\n-,8," in command(service, "predict", "-", "--csv", stdin=(folder / "8.bmp").read_bytes()).stdout
    for ends in (b"\n", b"\r\n", b"\0"):
        paths = ends.join(os.fsencode(folder / name) for name in ("8.bmp", "3.png")) + ends
        listed = command(service, "predict", "-", "--csv", stdin=paths).stdout.decode().splitlines()
        assert [line.split(",")[1] for line in listed] == ["digit", "8", "3"]


def test_a_list_may_begin_as_a_bmp_and_names_may_hold_line_ends(service: str, folder: Path) -> None:
    for name in ("BMW", "two\nlines", "B\r\nM"):
        (folder / name).write_bytes((folder / "3.png").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "digitserve_client", "--url", service, "predict", "-", "--json", "--quiet"],
        input=b"BMW\ndeep/five\nnowhere-at-all\n",
        capture_output=True,
        cwd=folder,
        timeout=60,
    )
    assert [json.loads(line).get("digit") for line in done.stdout.splitlines()] == [3, 5, None]
    found = subprocess.run(["find", folder, "-name", "[Bt]*", "-print0"], capture_output=True, check=True).stdout
    said = command(service, "predict", "-", "--json", "--quiet", stdin=found).stdout
    assert {json.loads(line)["name"] for line in said.splitlines()} == {
        f"{folder}/{name}" for name in ("BMW", "two\nlines", "B\r\nM")
    }


@pytest.mark.parametrize(("name", "form"), [("predict", "--csv"), ("predict", "--json"), ("read", "--csv")])
def test_a_list_that_goes_on_is_answered_as_it_comes(service: str, folder: Path, name: str, form: str) -> None:
    words = [sys.executable, "-m", "digitserve_client", "--url", service, name, "-", form, "--quiet"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        overdue = threading.Timer(30, process.kill)
        overdue.start()
        try:
            said = [process.stdout.readline()] if form == "--csv" else []
            for place, picture in enumerate((folder / "3.png", folder / "8.bmp", folder / "3.png")):
                process.stdin.write(os.fsencode(picture) + b"\n")
                process.stdin.flush()
                said.append(process.stdout.readline())
                assert os.fsencode(picture) in said[-1], f"{place} are answered"
            process.stdin.close()
            assert process.wait(20) == 0
        finally:
            overdue.cancel()
            process.kill()


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


def test_heat_maps_of_equal_names_keep_out_of_each_others_way(service: str, folder: Path, tmp_path: Path) -> None:
    (folder / "deep" / "3.png").write_bytes((folder / "8.bmp").read_bytes())
    done = command(service, "explain", folder / "3.png", folder / "deep", folder / "3.png", "--out", tmp_path / "maps")
    assert done.returncode == 0, done.stderr
    names = ["3.png.heatmap.png", "3.png-2.heatmap.png", "five.heatmap.png", "3.png-3.heatmap.png"]
    assert [line.rpartition("/")[2] for line in done.stdout.decode().splitlines()] == names
    assert sorted(one.name for one in (tmp_path / "maps").iterdir()) == sorted(names)
    first, second, _, third = ((tmp_path / "maps" / name).read_bytes() for name in names)
    assert first == third != second


def test_names_that_are_no_utf_8_are_told_as_text(service: str, folder: Path, tmp_path: Path) -> None:
    for kind, source in ((b"png", "3.png"), (b"txt", "letter.txt")):
        Path(os.fsdecode(os.fsencode(folder) + b"/deep/caf\xe9." + kind)).write_bytes((folder / source).read_bytes())
    (folder / "deep" / "five").unlink()
    listed = os.fsencode(folder) + b"/deep/caf\xe9.png\n" + os.fsencode(folder) + b"/deep/caf\xe9.txt\n"
    names = [f"{folder}/deep/caf\\xe9.png", f"{folder}/deep/caf\\xe9.txt"]
    done = command(service, "predict", "-", "--csv", "--quiet", stdin=listed)
    assert (done.returncode, done.stderr) == (1, b"")
    good, bad = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert ([good["name"], bad["name"]], good["digit"], bad["error"]) == (names, "3", "not_an_image")
    assert r"caf\xe9.txt begins with" in bad["detail"]
    out = tmp_path / "answers"
    for form in ("--json", "--parquet"):
        assert command(service, "predict", folder / "deep", form, "--out", out).stderr.endswith(
            b"0 without an answer\n"
        )
    assert pq.read_table(out).column("name").to_pylist() == names[:1]
    assert names[0].encode() in command(service, "read", folder / "deep").stdout
    assert (
        rb"maps/caf\xe9.png.heatmap.png"
        in command(service, "explain", folder / "deep", "--out", tmp_path / "maps").stdout
    )


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["predict", "none.png"], 2, "none.png is no file or folder"),
        (["predict", "x", "--csv", "--json"], 2, "exclude each other"),
        (["predict", "x", "--parquet"], 2, "--out"),
        (["predict"], 2, "INPUT"),
        (["watch", "none"], 2, "none"),
        (["predict", str(ROOT / "examples"), "--patience", "0.3"], 3, "is the service running at this address?"),
        (["--wait", "0.3", "predict", str(ROOT / "examples")], 3, "is the service running at this address?"),
        (["predict", str(ROOT / "examples"), "--model", "digit"], 2, "404"),
        (["explain", str(ROOT / "examples"), "--model", "digit", "--out", "/tmp"], 2, "404"),
        (["--url", "nowhere", "predict", "x"], 2, "begin it with http://"),
    ],
)
def test_what_goes_wrong_is_said_and_has_a_status(service: str, words: list[str], status: int, said: str) -> None:
    done = command(NOBODY if status == 3 else service, *words)
    assert (done.returncode, done.stdout) == (status, b"")
    assert said in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_the_caller_did_wrong_is_misuse(script: Script, status: int) -> None:
    script.answers = [problem(status)]
    for name in ("predict", "read", "explain"):
        assert command(script.url, name, ROOT / "examples" / "7.png").returncode == 2


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


@contextmanager
def watching(service: str, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command until the end of the block at the latest."""
    begun = [sys.executable, "-m", "digitserve_client", "--url", service, "watch", "--every", "0.05", *map(str, words)]
    with subprocess.Popen(begun, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_folder_is_watched(service: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen"
    with watching(service, folder, "--json", "--out", out) as process:
        wait_until(out.exists)
        picture = (folder / "3.png").read_bytes()
        wait_until(lambda: appears(folder / "new", picture, out), 30)
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, b"")
    names = [json.loads(line)["name"] for line in out.read_text().splitlines()]
    assert set(names) == {str(folder / "new" / "0.png")}


def holds(out: Path, lines: int) -> bool:
    return out.exists() and out.read_text().count("\n") == lines


def test_what_watching_wrote_before_is_kept(service: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen.csv"
    for lines in (4, 7):
        with watching(service, folder, "--existing", "--csv", "--out", out):
            wait_until(partial(holds, out, lines), 30)
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["digit"] for row in rows] == ["3", "8", "5"] * 2


def test_watching_waits_for_a_service_that_is_away(folder: Path, tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "seen"
    with watching(f"http://127.0.0.1:{port}", folder, "--existing", "--json", "--out", out) as process:
        assert process.stderr
        assert b"is the service running at this address?" in process.stderr.readline(), "it says what it waits for"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        with serving(port) as late:
            late.answers = [batch(FOUR, FOUR, FOUR)]
            wait_until(lambda: holds(out, 3), 30)
            process.terminate()
            process.communicate(timeout=20)
    assert process.returncode == 0
    assert [json.loads(line)["digit"] for line in out.read_text().splitlines()] == [4, 4, 4]


def test_watching_goes_on_past_a_picture_that_breaks_the_service(folder: Path, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        images = asked.body.count(b"filename=")
        return problem(500, "internal_error") if b'"3.png"' in asked.body else batch(*[FOUR] * images)

    out = tmp_path / "seen"
    with serving() as script, watching(script.url, folder, "--existing", "--json", "--out", out) as process:
        script.answers = [answer]
        wait_until(lambda: holds(out, 3), 30)
        (folder / "deep" / "3.png").write_bytes((folder / "3.png").read_bytes())  # alone
        wait_until(lambda: holds(out, 4), 30)
        (folder / "last").write_bytes((folder / "3.png").read_bytes())
        wait_until(lambda: holds(out, 5), 30)
        assert process.poll() is None
    codes = [json.loads(line).get("error", {}).get("code", "") for line in out.read_text().splitlines()]
    assert codes == ["internal_error", "", "", "internal_error", ""]


def appears(folder: Path, picture: bytes, out: Path) -> bool:
    """Whether it is seen; written again as long as it is not, as the folder may not have been looked at yet."""
    folder.mkdir(exist_ok=True)
    (folder / "0.png").write_bytes(picture)
    with suppress(TimeoutError):
        wait_until(lambda: out.stat().st_size, 5)
    return bool(out.stat().st_size)
