"""`python -m docs.site`: pages are staged as they lie in the repository, built by Zensical, and checked."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from app.config import Settings
from app.telemetry import logs
from docs.site import links
from docs.site.staging import stage

ROOT = Path(__file__).parents[2]


def build(root: Path, build: Path, zensical: Path) -> list[str]:
    """Write the site of a checkout to `build`/site; what is wrong with it. `zensical` is the folder it is installed in.

    Raises CalledProcessError where Zensical warns of anything.
    """
    pages, site = build / "pages", build / "site"
    for stale in (pages, site, build / ".cache"):
        shutil.rmtree(stale, ignore_errors=True)
    stage(root, pages)
    shutil.copy(Path(__file__).with_name("site.css"), pages)
    config = shutil.copy(Path(__file__).with_name("zensical.toml"), build)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(config)]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(zensical), "NO_COLOR": "1"}, check=True)
    return links.wrong(site)


def main() -> int:
    """How many things are wrong, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder for pages/ and site/")
    parser.add_argument("--zensical", type=Path, default=Path(sys.prefix) / "docs", help="folder it is installed in")
    options = parser.parse_args()
    logs.configure(Settings(log_level="warning"))
    try:
        found = build(ROOT, options.build, options.zensical)
    except subprocess.CalledProcessError:
        found = ["Zensical refused the pages; it says why above"]
    print("\n".join(found) or f"the site is in {options.build / 'site'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
