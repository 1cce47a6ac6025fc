"""`digitserve doctor`: what this machine really does with the settings as they are, measured, and what to change."""

import math
import os
import platform
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import onnxruntime
import uvloop

from app import cores, load
from app.config import PREFIX, Right, Settings
from app.errors import StartError
from app.inference import bundle
from app.inference.session import CPU
from app.load import Load
from app.serving.opening import Opened, open_version
from app.tasks.digits import strokes
from app.tasks.registry import TASKS

CONNECTIONS = 64
SECONDS = 3.0
START_WITHIN = 20.0
LONGEST_CHUNK_SECONDS = 0.02
FEW_FILES = 4096
PACKAGE = Path(__file__).parent
NVIDIA = Path("/dev/nvidia0")
STATE, UTIME, STIME = 3, 14, 15  # fields of /proc/PID/stat, of which the name before `STATE` may hold anything


class Served(NamedTuple):
    """The service under a closed loop from this very machine, one raw image a request."""

    load: Load
    cpu_seconds: float  # of the server's processes, a request


class Report(NamedTuple):
    settings: Settings
    host_cores: int
    usable_cores: int
    quota: float | None
    open_files: int
    models: list[Opened]
    served: Served


def examine(settings: Settings) -> Report:
    """Look, warm up and serve for a few seconds. Raises StartError, BundleError, LoadError."""
    return Report(
        settings,
        os.cpu_count() or 1,
        cores.usable_cores(),
        cores.cpu_quota(),
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        [_newest(settings, name) for name in bundle.names(settings.models)],
        _serve(settings),
    )


def lines(report: Report) -> Iterator[str]:
    """The report, for people."""
    settings, served = report.settings, report.served
    quota = "none" if report.quota is None else f"{report.quota:g} cores"
    yield f"Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}, uvloop {version('uvloop')}"
    yield f"cores: {report.host_cores} on the host, {report.usable_cores} usable; cgroup quota: {quota}"
    yield f"workers: {settings.workers}, ONNX Runtime threads in each: {settings.intra_op_threads}"
    for model in report.models:
        yield ""
        yield f"{model.manifest.label} on {model.session.provider}"
        for images, seconds in model.warmed.run_seconds.items():
            where = "event loop" if images <= model.warmed.inline_rows else "thread"
            yield f"  {images:5} images a run: {seconds * 1e6:9.1f} us, {images / seconds:9,.0f} images/s  ({where})"
    yield ""
    yield f"to a thread and back: {report.models[0].warmed.hop_seconds * 1e6:.1f} us" if report.models else ""
    yield (
        f"served {served.load.rate:,.0f} requests/s of one raw image each, {CONNECTIONS} connections on this machine: "
        f"p50 {served.load.percentile(50) * 1e3:.2f} ms, p99 {served.load.percentile(99) * 1e3:.2f} ms"
    )
    capacity = settings.workers / served.cpu_seconds
    yield (
        f"each took {served.cpu_seconds * 1e6:.1f} us of a core, so that {settings.workers} workers on cores of their "
        f"own serve about {capacity:,.0f} requests/s"
    )
    yield ""
    yield from advice(report) or ["nothing to advise"]


def advice(report: Report) -> list[str]:
    """What to change, each with its reason."""
    settings = report.settings
    busy = settings.workers * settings.intra_op_threads
    slowest = max((model.warmed.run_seconds[settings.max_batch_size] for model in report.models), default=0.0)
    on_cpu = any(model.session.provider == CPU for model in report.models)
    found = {
        f"{settings.workers} workers with {settings.intra_op_threads} threads each want {busy} cores, and "
        f"{report.usable_cores} are usable: they will wait for each other. Lower --workers or "
        "DIGITSERVE_INTRA_OP_THREADS.": busy > report.usable_cores,
        f"{busy} of {report.usable_cores} usable cores are used. Raise --workers.": busy < report.usable_cores
        and on_cpu,
        f"the quota of {report.quota} cores is no whole number: the last worker is stopped part of the time, and its "
        "callers wait. Give whole cores.": report.quota is not None and report.quota != math.floor(report.quota),
        "an NVIDIA device is there, but a model runs on the CPU. Install requirements/gpu.lock in place of "
        "serve.lock, and see that nvidia-smi works.": NVIDIA.exists() and on_cpu and settings.device != "cpu",
        f"a run of {settings.max_batch_size} images takes {slowest * 1e3:.0f} ms, for which a single image may wait. "
        "Lower DIGITSERVE_MAX_BATCH_SIZE.": slowest > LONGEST_CHUNK_SECONDS,
        f"each process may open {report.open_files} files, so about as many connections. Raise ulimit -n where "
        "more callers keep theirs open.": report.open_files < FEW_FILES,
    }
    return [sentence for sentence, applies in found.items() if applies]


def _newest(settings: Settings, name: str) -> Opened:
    return open_version(settings.models / name / bundle.versions(settings.models / name)[0], settings, TASKS)


def _serve(settings: Settings) -> Served:
    keys = [key.key.get_secret_value() for key in settings.api_keys if Right.PREDICT in key.rights]
    headers = {"X_API_Key": keys[0]} if keys else {}
    one = load.request("/v1/predict", strokes.render(7).tobytes(), "application/octet-stream", **headers)
    with _service(settings) as (port, process):
        uvloop.run(load.closed_loop(port, [one], connections=CONNECTIONS, seconds=0))  # ends when it answers at all
        before = _cpu_seconds(process.pid)
        served = uvloop.run(load.closed_loop(port, [one], connections=CONNECTIONS, seconds=SECONDS))
        spent = _cpu_seconds(process.pid) - before
    if not served.statuses[200]:
        raise StartError(f"the service answered {dict(served.statuses)} to an image; see its log")
    return Served(served, spent / served.statuses[200])


@contextmanager
def _service(settings: Settings) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The service itself, with the same settings but no limit on rates, on a free port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    same = {name: str(getattr(settings, name)) for name in ("models", "device", "workers")}
    own = same | {"host": "127.0.0.1", "port": str(port), "log_level": "error", "drain_seconds": "0"}
    environment = os.environ | {f"{PREFIX}{name.upper()}": value for name, value in own.items()}
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    environment.pop(f"{PREFIX}RATE_IMAGES_PER_SECOND", None)
    # By its path, and with -P: in the user's folder there may be another `app`.
    process = subprocess.Popen([sys.executable, "-P", str(PACKAGE / "__main__.py"), "serve"], env=environment)
    try:
        _wait_until_open(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def _wait_until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = monotonic() + START_WITHIN
    while process.poll() is None and monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        sleep(0.05)
    raise StartError("the service did not start; its log says why")


def _cpu_seconds(pid: int) -> float:
    """Of a process and its children. Source: Linux proc_pid_stat(5), fields utime and stime."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for one in (pid, *children):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[UTIME - STATE]) + int(fields[STIME - STATE])
    return ticks / os.sysconf("SC_CLK_TCK")
