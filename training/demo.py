"""The smallest network, from nothing to a page that reads with it: trained, bundled, served.

A process of its own trains, so that what waits beside the service afterwards holds neither TensorFlow nor MNIST.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from training.data import find, load
from training.errors import DemoError

ARCHITECTURE = "mlp-128-64"
RECIPE = {"epochs": 4, "batch_size": 128}
"""What a minute has room for: fewer and larger steps than the architecture's own."""
NAME = "demo"
HOST, PORT = "127.0.0.1", 8000
PATIENCE = 60  # seconds for the service to answer


def run(
    data: Path | None, runs: Path, *, port: int | None, browser: bool, begun: float, say: Callable[[str], None]
) -> int:
    """Train, bundle and serve until told to stop; returns the service's exit status.

    `begun` is the command's begin by `time.monotonic`. Raises TrainingError, BundleError; DemoError where nothing can
    be served.
    """
    port = _free(port)
    source = find(data)  # here, where its download has a bar
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        models = apart.submit(make, source, runs).result()
    say(f"the bundle is {models / NAME / '1'}, after {time.monotonic() - begun:.0f} s")
    with _serving(models, port) as service:
        address = f"http://{HOST}:{port}"
        _wait_for(address, service)
        say(f"{address} reads with it, {time.monotonic() - begun:.1f} s after the start; Ctrl-C ends it")
        if browser:
            webbrowser.open(address)
        try:
            return service.wait()
        except KeyboardInterrupt:  # a terminal tells the service too, another program perhaps not
            service.terminate()
            return service.wait()


def make(source: Path, runs: Path) -> Path:
    """Train on MNIST from there; returns the folder of models in the run's own that the bundle is in."""
    from training.quiet import import_keras

    import_keras()
    from training import architectures, pipeline, release

    chosen = architectures.architecture(ARCHITECTURE)
    recipe = chosen.recipe.changed(RECIPE)
    mnist = load(source, held_out=recipe.validation)
    run = pipeline.train(chosen, recipe, mnist, seed=0, folder=runs)
    models = run.folder / "models"
    release.release(run, mnist, models / NAME, thorough=False)
    return models


def _free(port: int | None) -> int:
    """That port, or by default 8000 where nobody has it and else any. Raises DemoError where it is taken."""
    for wanted in (PORT, 0) if port is None else (port,):
        with closing(socket.socket()) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, wanted))
            except OSError:
                continue
            found: int = tried.getsockname()[1]
            return found
    raise DemoError(f"--port {port}: somebody else has it; choose another, or leave it out")


@contextmanager
def _serving(models: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The service on that bundle alone, as a process that ends with this one."""
    command = [sys.executable, "-m", "app", "serve", "--models", str(models), "--host", HOST, "--port", str(port)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    environment = {"DIGITSERVE_LOG_LEVEL": "warning", **os.environ, "DIGITSERVE_DEFAULT_MODEL": NAME}
    service = subprocess.Popen([*command, "--workers", "1"], env=environment)
    try:
        yield service
    finally:
        service.terminate()
        service.wait()


def _wait_for(address: str, service: subprocess.Popen[bytes]) -> None:
    """Until the page is there and the model has answered. Raises DemoError."""
    end = time.monotonic() + PATIENCE
    with httpx.Client(base_url=address) as client:
        while time.monotonic() < end and service.poll() is None:
            try:
                if client.get("/health/ready").is_success and client.get("/").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    raise DemoError("the service did not start; what it said stands above")
