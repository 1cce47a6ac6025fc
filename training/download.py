"""Fetches data from public mirrors, whole and checked or not at all."""

import gzip
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
from tqdm import tqdm

from training import idx
from training.errors import DataError

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
)


def download(folder: Path, digests: Mapping[str, str], mirrors: Sequence[str] = MIRRORS) -> None:
    """Put each file named in `digests` into `folder` as .gz, where it is not there yet.

    Raises DataError where no mirror gives a file whose uncompressed SHA-256 is the expected one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(timeout=30, follow_redirects=True) as client:
        for name, sha256 in digests.items():
            if not any((folder / file).is_file() for file in (name, f"{name}.gz")):
                _write_atomically(folder / f"{name}.gz", _fetch(client, mirrors, name, sha256))


def join(path: Path, parts: Sequence[str], sha256: str) -> None:
    """Write what lies at these addresses, one after the other, as one .gz file.

    Raises DataError where it cannot be had, or its SHA-256 is another than expected.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with httpx.Client(timeout=30, follow_redirects=True) as client:
            content = b"".join(_stream(client, part) for part in parts)
    except httpx.HTTPError as error:
        raise DataError(f"{path.name} could not be downloaded: {error}; fetch it by hand into {path.parent}") from error
    idx.check_digest(content, sha256, path.name)
    _write_atomically(path, gzip.compress(content))


def _fetch(client: httpx.Client, mirrors: Sequence[str], name: str, sha256: str) -> bytes:
    """The first mirror's answer that is what its digest says."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror}/{name}.gz"
        try:
            packed = _stream(client, url)
            idx.check_digest(idx.decompress(packed, url), sha256, url)
            return packed
        except (httpx.HTTPError, DataError) as error:
            failures.append(f"  {url}: {error}")
    tried = "\n".join(failures)
    raise DataError(
        f"{name} could not be downloaded; fetch it by hand and pass its folder as --data or DIGITSERVE_DATA:\n{tried}"
    )


def _stream(client: httpx.Client, url: str) -> bytes:
    with client.stream("GET", url) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0)) or None
        with tqdm(total=total, unit="B", unit_scale=True, desc=url.rsplit("/", 1)[-1], leave=False) as bar:
            packed = bytearray()
            for piece in response.iter_raw():  # raw: a mirror may call the .gz file its Content-Encoding
                packed += piece
                bar.update(len(piece))
    return bytes(packed)


def _write_atomically(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".downloading-", delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)
