"""What the service is made of, and what is known against it.

Writes build/sbom.json (CycloneDX) from serve.lock, and looks its packages up among known vulnerabilities. Fails on one;
where their data cannot be reached, says so and goes on.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LOCK, SBOM = FOLDER / "serve.lock", FOLDER.parent / "build" / "sbom.json"
PATIENCE = 60  # seconds


def main() -> int:
    SBOM.parent.mkdir(exist_ok=True)
    options = [
        "--pyproject",
        FOLDER.parent / "pyproject.toml",
        "--output-reproducible",
        "--short-PURLs",
        "--no-validate",
    ]
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", LOCK, *options, "-o", SBOM]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # where it warns that a lock shows no dependencies
    packages = looked_up()
    known = [one for one in packages if "skip_reason" not in one]
    found = [f"{one['name']} {one['version']}: {bug['id']}" for one in known for bug in one["vulns"]]
    print(f"build/{SBOM.name} written")
    if not known:
        print("no package was looked up: the data on vulnerabilities cannot be reached from here")
    elif missing := {one["name"] for one in packages} - {one["name"] for one in known}:
        print(f"{len(known)} packages looked up; nothing could be learnt of {', '.join(sorted(missing))}")
    for one in found:
        print(f"known to be vulnerable: {one}")
    return bool(found)


def looked_up() -> list[dict[str, Any]]:
    """pip-audit's findings, a package each; none where nothing could be reached."""
    command = [sys.executable, "-m", "pip_audit", "-r", LOCK, "--disable-pip", "--require-hashes", "-f", "json"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return []
    packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"] if done.stdout else []
    return packages


if __name__ == "__main__":
    sys.exit(main())
