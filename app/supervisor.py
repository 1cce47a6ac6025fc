"""The processes that serve: forked from one parent, watched, replaced, and gone when it is.

The parent has imported the service, which takes longest, but opens no session and no event loop and starts no thread:
so each fork of it is a sound worker at once, and shares its pages. `app.link` is how a worker and its parent talk.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from multiprocessing.connection import wait
from time import monotonic
from typing import NoReturn

import structlog

from app.agreement import Agreement
from app.errors import START_FAILED, StartError
from app.http.lifecycle import ORPHANED
from app.link import BEAT, BEAT_SECONDS, MESSAGE_BYTES, ParentLink, Worker
from app.serving.changes import Digests
from app.telemetry import shared

log = structlog.get_logger()

LOADING = 10.0  # times as long as it may be silent may a worker take to load its models, and later one of them
YOUNG_SECONDS = 1.0  # after which a worker that served has proved that one can
TRIES = 5  # workers in a row that end before they serve, none other being there: then the service ends too
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before the next try, doubled from one to the next
TOLD, ENDED = (signal.SIGTERM, signal.SIGINT), signal.SIGCHLD
PR_SET_PDEATHSIG = 1  # of Linux' sys/prctl.h
HINTS = {signal.SIGKILL: "by hand, or for want of memory", signal.SIGBUS: "as when a file system is full"}


class Supervisor:
    """`workers` processes that each do `work`, until told to stop."""

    def __init__(
        self,
        work: Callable[[ParentLink], None],
        listener: socket.socket,
        *,
        workers: int,
        stall_seconds: float,
        on_serving: Callable[[Digests, int], None] | None = None,
    ) -> None:
        """`listener` is the socket that all accept from. One without a beat for `stall_seconds` is replaced.

        `on_serving` is told, with each that begins to serve, what is served and how many do.
        """
        self._work = work
        self._listener = listener
        self._wanted = workers
        self._on_serving = on_serving
        self._patience = max(1, round(stall_seconds / BEAT_SECONDS))
        self._workers: dict[int, Worker] = {}  # by process id
        self._agreement = Agreement(self._serving, stall_seconds * LOADING)
        self._ever_served = False
        self._failures = 0  # in a row: workers that ended young
        self._fruitless = 0  # of these, since one has served
        self._next_start = self._next_tick = 0.0
        self._all_end = mmap(-1, 1)
        self._stopping = False
        self._unfolded = False
        self._failure: StartError | None = None
        self._told, self._tell = socket.socketpair()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises StartError where the workers cannot serve; each has logged why."""
        for end in (self._told, self._tell):
            end.setblocking(False)
        for number in (*TOLD, ENDED):
            signal.signal(number, _noted)
        signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # what the workers share is not to be touched by their collectors
        while self._workers or not self._stopping:
            self._start_missing()
            if self._unfolded:
                self._unfolded = not shared.fold(set(self._workers))
            self._hear()
            self._bury()
            self._tick()
        if self._failure is not None:
            raise self._failure

    def _start_missing(self) -> None:
        while not self._stopping and len(self._workers) < self._wanted and monotonic() >= self._next_start:
            try:
                self._start()
            except OSError as error:  # no memory, or too many processes
                log.error("no worker could be started", reason=str(error))
                self._failed(str(error))

    def _start(self) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with mine, theirs:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, (*TOLD, ENDED))  # else a child might note one here
            parent = os.getpid()
            try:
                pid = os.fork()
                if not pid:
                    mine.close()
                    self._become_worker(theirs, parent, before)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._workers[pid] = Worker(mine.dup(), self._agreement.served)

    def _become_worker(self, end: socket.socket, parent: int, mask: set[int | signal.Signals]) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*TOLD, ENDED):
                signal.signal(number, signal.SIG_DFL)
            _end_with(parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for sibling in self._workers.values():
                sibling.line.close()
            self._told.close()
            self._tell.close()
            self._work(ParentLink(end, self._all_end, self._listener, self._agreement.served))
            status = 0
        except StartError as error:
            log.critical("refused to start", reason=str(error))
            status = START_FAILED
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            log.critical("a worker failed", exc_info=True)
        finally:
            os._exit(status)  # what the parent has yet to do at its end is not for a fork of it to do

    def _hear(self) -> None:
        """Wait until something happens or is due, and take in what workers say."""
        lines = {worker.line: worker for worker in self._workers.values() if worker.line.fileno() >= 0}
        for end in wait([self._told, *lines], self._seconds_left()):
            if end is self._told:
                for number in self._told.recv(MESSAGE_BYTES):
                    if number in TOLD:
                        self._stop()
            elif isinstance(end, socket.socket):
                self._take(lines[end])

    def _seconds_left(self) -> float:
        due = [self._next_tick]
        if not self._stopping and len(self._workers) < self._wanted:
            due.append(self._next_start)
        return max(0.0, min(due) - monotonic())

    def _take(self, worker: Worker) -> None:
        try:
            message = worker.line.recv(MESSAGE_BYTES)
        except OSError:  # it ended with an answer of its parent unread
            message = b""
        worker.silent = 0
        if not message:
            worker.line.close()
        elif not worker.serves:
            self._let_in(worker, json.loads(message))
        elif message != BEAT:
            self._agreement.hear(worker, json.loads(message))

    def _serving(self) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.serves]

    def _let_in(self, worker: Worker, served: Digests) -> None:
        """Only where it serves what the others serve: the files may have changed since they started."""
        if not self._agreement.admit(worker, served):
            return
        worker.serving_since = monotonic()
        self._ever_served = True
        self._fruitless = 0
        pid = next(pid for pid, one in self._workers.items() if one is worker)
        log.info("a worker serves", pid=pid, after=round(monotonic() - worker.started, 3))
        self._agreement.joined(worker)
        if self._on_serving is not None:
            self._on_serving(served, len(self._serving()))

    def _bury(self) -> None:
        """Take leave of all that have ended; also of orphans, which a container's first process inherits."""
        with suppress(ChildProcessError):  # there is no child at all
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                worker = self._workers.pop(ended[0], None)
                if worker is not None:
                    worker.line.close()
                    self._unfolded = True
                    self._agreement.left(worker)
                    if not self._stopping:
                        self._replace(ended[0], worker, os.waitstatus_to_exitcode(ended[1]))

    def _replace(self, pid: int, worker: Worker, code: int) -> None:
        reason = _told_of(code)
        log.warning("a worker ended", pid=pid, reason=reason, served=worker.serves)
        if code == START_FAILED and not self._ever_served:
            self._give_up("the workers could not start; the reason is logged above")
        elif worker.serving_since is not None and monotonic() - worker.serving_since > YOUNG_SECONDS:
            self._failures = 0
            self._next_start = 0.0
        else:
            self._failed(reason, fruitless=not worker.serves)

    def _failed(self, reason: str, *, fruitless: bool = True) -> None:
        """Try again later, each time later than before; or not at all, where nothing has served for long."""
        self._failures += 1
        self._fruitless += fruitless
        doubled = FIRST_WAIT * 2 ** min(self._failures - 2, 16) if self._failures > 1 else 0.0
        self._next_start = monotonic() + min(doubled, LONGEST_WAIT)
        if self._fruitless >= TRIES and not self._serving():
            self._give_up(f"the workers could not start: {TRIES} in a row ended early, the last one so: {reason}")

    def _give_up(self, why: str) -> None:
        self._failure = StartError(why)
        self._stop()

    def _tick(self) -> None:
        """Look for workers that stand still. Their silence is counted in ticks, not in seconds: where this process
        stood still too, no worker is to blame.
        """
        if monotonic() < self._next_tick:
            return
        self._next_tick = monotonic() + BEAT_SECONDS
        self._agreement.tick()
        for pid, worker in self._workers.items():
            worker.silent += 1
            waits = self._patience if worker.serves or self._stopping else self._patience * LOADING
            if worker.silent > waits:
                log.error("a worker stands still, and is killed", pid=pid, silent_seconds=worker.silent * BEAT_SECONDS)
                os.kill(pid, signal.SIGKILL)

    def _stop(self) -> None:
        """Let all workers drain, and end."""
        self._stopping = True
        self._all_end[0] = 1
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)


def _noted(*_: object) -> None:
    """A signal's handler; what it means is read from the wake-up descriptor."""


def _end_with(parent: int) -> None:
    """Let the kernel tell this process when its parent has ended. Source: Linux prctl(2), PR_SET_PDEATHSIG."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ORPHANED)
    if os.getppid() != parent:  # it has ended just now
        os._exit(1)


def _told_of(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit status {code}"
    number = signal.Signals(-code)
    hint = HINTS.get(number)
    return number.name + (f" ({hint})" if hint else "")
