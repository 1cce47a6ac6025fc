"""Whether CUDA works here: found out by the first model that is opened, and told once, in one line.

ONNX Runtime falls back to the CPU with a dozen lines of its own, to standard output and error, for each model.
"""

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import structlog

log = structlog.get_logger()

REASONS = re.compile(r"with error: ([^\n]+?)(?: \w+=|\n|$)|(CUDA failure \d+: [^;\n]+)|(CUDA error[^\n]{,200})")
UNKNOWN = "ONNX Runtime does not say why"
ADVICE = "install what is missing, or check the driver with nvidia-smi"
ERRORS = 2  # standard error


class Told:
    """Whether it has been told, by this process or another that was forked from the one that made this."""

    def __init__(self) -> None:
        self._token, writing = os.pipe()
        os.write(writing, b"1")
        os.close(writing)

    def is_first(self) -> bool:
        """In one process, once: the token is there for who takes it."""
        return bool(os.read(self._token, 1))


class Cuda:
    """What is known of CUDA in this process."""

    def __init__(self) -> None:
        self._told = Told()
        self.fault = ""
        """Why it does not work; "" while nothing speaks against it."""

    def failed(self, said: str) -> None:
        """It does not, as ONNX Runtime has `said` at length."""
        found = REASONS.search(said)
        reason = next(filter(None, found.groups())) if found else UNKNOWN
        self.fault = f"CUDA does not work here ({reason.strip()}): {ADVICE}"

    def warn(self) -> None:
        """Of all workers' processes one does, once."""
        if self._told.is_first():
            log.warning("serving on the CPU", reason=self.fault)


@contextmanager
def overheard() -> Iterator[io.StringIO]:
    """What is written to standard output and error meanwhile, by libraries in C to the second alone, and is kept from
    both. It is whole once the block has ended.
    """
    said = io.StringIO()
    sys.stderr.flush()
    kept = os.dup(ERRORS)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), ERRORS)
        try:
            with redirect_stdout(said), redirect_stderr(said):
                yield said
        finally:
            os.dup2(kept, ERRORS)
            os.close(kept)
            file.seek(0)
            said.write(file.read().decode(errors="replace"))
