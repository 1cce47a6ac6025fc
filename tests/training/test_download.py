import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from training import idx
from training.download import download
from training.errors import DataError

NAME = "t10k-labels-idx1-ubyte"
ENCODED = idx.encode(np.arange(10, dtype=np.uint8))
DIGESTS = {NAME: hashlib.sha256(ENCODED).hexdigest()}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder that the server at `url` serves: `good` has the file, `bad` another, `torn` a half of it."""
    packed = gzip.compress(ENCODED)
    contents = {"good": packed, "bad": gzip.compress(b"\0\0\x08\x01\0\0\0\0"), "torn": packed[:-4]}
    for mirror, content in contents.items():
        (tmp_path / "site" / mirror).mkdir(parents=True)
        (tmp_path / "site" / mirror / f"{NAME}.gz").write_bytes(content)
    return tmp_path / "site"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server for the files in a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def url(site: Path) -> Iterator[str]:
    with served(site) as address:
        yield address


@pytest.mark.parametrize("first", ["good", "bad", "torn", "absent"])
def test_the_first_mirror_with_the_right_bytes_is_taken(tmp_path: Path, url: str, first: str) -> None:
    download(tmp_path / "cache", DIGESTS, [f"{url}/{first}", f"{url}/good"])
    assert np.array_equal(idx.read(tmp_path / "cache", NAME, DIGESTS[NAME]), np.arange(10))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{NAME}.gz"]


def test_without_a_good_mirror_nothing_is_left_and_each_failure_is_told(tmp_path: Path, url: str) -> None:
    mirrors = [f"{url}/{name}" for name in ("bad", "torn", "absent")] + ["http://127.0.0.1:1"]
    with pytest.raises(DataError) as caught:
        download(tmp_path / "cache", DIGESTS, mirrors)
    for told in ("SHA-256", "damaged gzip", "404", "127.0.0.1:1", "--data"):
        assert told in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("name", [NAME, f"{NAME}.gz"])
def test_what_is_there_is_not_fetched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    download(tmp_path, DIGESTS, mirrors=[])
