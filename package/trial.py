"""Uses the installed service and client as their users would, in an environment that has nothing else."""

import platform
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from digitserve_client import Client

BESIDE = Path(sys.executable).parent
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
SEVEN = "examples/7.png"
PAGES = ("/", "/static/page.js", "/docs", "/openapi.json", "/metrics")


def main() -> None:
    version = said("--version")
    assert len(said("models").splitlines()) == 2, "the wheel carries a reader of digits and one of numbers"
    said("examples")
    assert said("predict", SEVEN).split()[1] == said("read", SEVEN).split()[1] == "7"
    said("score", "examples", "--out", "scored", "--format", "csv", "--processes", "1")
    assert sum(len(part.read_text().splitlines()) - 1 for part in Path("scored").glob("*.csv")) == 10
    serve([sys.executable, "-m", "digitserve", "serve", "--port", "0", "--workers", "2"])
    print(f"Python {platform.python_version()}: {version} serves, predicts, reads and scores")


def serve(command: list[str]) -> None:
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert service.stderr
    log: list[str] = []
    try:
        for line in service.stderr:
            log.append(line)
            if found := ADDRESS.search(line):
                use(found[0])
                break
        else:
            raise RuntimeError(f"the service did not start:\n{''.join(log)}")
    finally:
        service.send_signal(signal.SIGTERM)
        _, rest = service.communicate(timeout=60)
    assert service.returncode == 0, "".join([*log, rest])


def use(url: str) -> None:
    with Client(url, timeout=60) as client:
        assert client.predict(SEVEN).digit == 7
        (number,) = client.read(SEVEN)
        assert number.text == "7"
    for page in PAGES:
        with urllib.request.urlopen(url + page, timeout=60) as answer:
            assert answer.read(), page


def said(*arguments: str) -> str:
    command = [str(BESIDE / "digitserve"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main()
