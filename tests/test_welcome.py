"""What a person at a terminal is told at the start, and a program is not."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from app.config import Settings
from app.welcome import text
from tests.conftest import MODELS, SERVED, Process, free_port

SCREEN = 24  # lines of the smallest terminal


def start(*options: str, **environment: str) -> tuple[str, str]:
    """What `digitserve serve` says at a terminal until it serves, or ends; and its page."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "app", "serve", "--models", str(MODELS), *options]
    process = subprocess.Popen(command, stderr=theirs, stdout=theirs, env=os.environ | environment)
    os.close(theirs)
    said, page = "", ""
    with suppress(OSError):  # its end
        while "Ctrl-C" not in said:
            said += os.read(ours, 65536).decode()
        url = re.search(r"http://\S+/\r", said)
        assert url
        page = httpx.get(url[0].strip(), timeout=20).text
    process.send_signal(signal.SIGINT)
    process.wait()
    os.close(ours)
    return said, page


def test_a_person_is_told_what_is_served_and_where_to_click_in_one_screen() -> None:
    said, page = start("--port", str(free_port()), "--workers", "2")
    assert "serves with 2 workers; callers need no API key" in said
    assert "<title>" in page
    assert all(f"{name}/{version}" in said for name, version in SERVED.items())
    assert said.count("\n") < SCREEN
    assert "a worker serves" not in said


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said, _ = start("--port", str(port))
    reason = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --host or --port"
    assert said.strip() == f"refused to start: {reason}"


def test_a_program_reads_the_log_as_ever(process: Callable[..., Process]) -> None:
    running = process(DIGITSERVE_LOG_FORMAT="json")
    running.wait_until_ready()
    time.sleep(0.1)
    running.terminate()
    _, log = running.wait()
    assert all(line.startswith("{") for line in log.splitlines())
    assert '"event": "a worker serves"' in log


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "0.0.0.0"}, ["http://localhost:80/", "whoever reaches every address of this machine may ask"]),
        ({"host": "::1", "grpc_port": 9}, ["http://[::1]:80/docs", "[::1]:9"]),
        ({"api_keys": [{"key": "k" * 16}]}, ["callers need an API key."]),
    ],
)
def test_addresses_are_such_as_can_be_clicked(settings: dict[str, object], said: list[str]) -> None:
    told = text(Settings(**{"models": MODELS, **settings}), 80, ["numbers/2", "digits/3"])
    assert all(one in told for one in said)
    assert "digits/3, numbers/2" in told
