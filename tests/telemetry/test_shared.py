"""The counts of several workers, kept in files: exact whoever ends, and few whatever ends."""

import subprocess
import sys

# Twenty workers count one after the other and are killed, while another process reads all the time.
TWENTY_WORKERS = """
import asyncio, os, re, signal, sys, time
from pathlib import Path
from prometheus_client import CollectorRegistry
from app.telemetry import shared
from app.telemetry.metrics import Metrics

def counted():
    text = asyncio.run(Metrics(CollectorRegistry()).collect()).text.decode()
    found = re.search(r'^digitserve_requests_total\\{.*\\} (\\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0

def count():
    shared.reserve_room()
    own = Metrics(CollectorRegistry())
    own.requests.labels("/", "GET", "200").inc(10)
    own.run_images.labels("digits").observe(3)
    own.queue_images.labels("digits").inc(5)
    os.kill(os.getpid(), signal.SIGKILL)

def read():
    shared.reserve_room()
    seen = [0.0]
    while seen[-1] < 200:
        seen.append(counted())
    os._exit(0 if seen == sorted(seen) and seen[-1] == 200 else 1)

def forked(work):
    pid = os.fork()
    if not pid:
        work()
    return pid

with shared.share_between_workers() as folder:
    reader = forked(read)
    for _ in range(20):
        os.waitpid(forked(count), 0)
        while not shared.fold({reader}):
            time.sleep(0.001)
    status = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
    shared.fold(set())
    print(status, counted())
    shared.fold(set())
    print(sorted(file.name for file in Path(folder).iterdir()))
    text = asyncio.run(Metrics(CollectorRegistry()).collect()).text.decode()
    print([line for line in text.splitlines() if re.match("digitserve_(run_images_sum|queue_images)[{]", line)])
"""


def test_the_counts_of_workers_that_ended_are_folded_while_others_read() -> None:
    done = subprocess.run([sys.executable, "-c", TWENTY_WORKERS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "0 200.0",
        "['counter_0.db', 'histogram_0.db']",
        "['digitserve_run_images_sum{model=\"digits\"} 60.0']",
    ]
