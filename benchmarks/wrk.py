"""The closed loop: wrk, pinned to a core of its own, with one request again and again over keep-alive connections."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import Request

SCRIPT = """
wrk.method = "POST"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
{headers}
function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('\\n{{"requests": %d, "microseconds": %d, "p50": %f, "p99": %f, "failed": %d}}\\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class WrkError(Exception):
    """wrk is not there, or was answered with errors."""


class Closed(NamedTuple):
    """What a closed loop measured; latencies in microseconds."""

    rate: float  # requests a second
    p50: float
    p99: float


def closed_loop(port: int, request: Request, *, connections: int, seconds: int, core: int) -> Closed:
    """Raises WrkError where wrk is missing or any request failed."""
    if shutil.which("wrk") is None:
        raise WrkError("wrk is not installed; on Debian: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="digitserve-bench-") as folder:
        body, script = Path(folder) / "body", Path(folder) / "request.lua"
        body.write_bytes(request.body)
        headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in request.headers.items())
        script.write_text(SCRIPT.format(body=body, headers=headers))
        command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{request.path}"], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise WrkError(done.stderr.strip())
    read = json.loads(done.stdout.strip().splitlines()[-1])
    if read["failed"] or not read["requests"]:
        raise WrkError(f"{read['failed']} of {read['requests']} requests failed")
    return Closed(read["requests"] / read["microseconds"] * 1e6, read["p50"], read["p99"])
