"""Work on a stranger's bytes by a library of which no header tells what it will take: in a process that is forked for
it alone, with bounds of its own on time, memory and files, and is gone with it.
"""

import os
import pickle
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from select import select
from typing import Any, BinaryIO, NoReturn, TypeVar, cast

from PIL import Image

from app.budget import Budget
from app.errors import ServiceError, TooMuchWork, Unavailable, Undecodable

T = TypeVar("T")
FORK_SECONDS = 6e-3  # of a core, for one such process
MEMORY = 200 * 1024**2  # bytes that it may take beyond what there is at its start
LEAST_SECONDS, MOST_SECONDS = 0.01, 10.0  # of CPU time, however little or much may be spent
STUCK_SECONDS = 60.0  # after which a process that takes no time is ended too
LONG = 300  # characters of a library's complaint that are not told


class Apart(Image.Image):
    """An image of which its size is known, and that is decoded apart when its pixels are wanted."""

    decoded: Callable[[int], Image.Image]
    """Smaller by a whole factor, where its longer side has twice so many pixels or more. Raises ServiceError."""

    def __init__(self, kind: str, mode: str, size: tuple[int, int]) -> None:
        super().__init__()
        self.format = kind
        self._mode, self._size = mode, size  # as Pillow's own plugins say it


def run_apart(
    work: Callable[..., T], *arguments: Any, budget: Budget, what: str, most: float = MOST_SECONDS, paid: float = 0.0
) -> T:
    """What `work(*arguments)` gives. What it needs is imported already: it opens no file. `what` says in a caller's
    words what it does.

    It may take what is left of the budget and has been `paid` for it already, at most so many CPU seconds; what it took
    is charged, also where nothing came of it.

    Raises TooMuchWork where it would take more than that, or MEMORY; Undecodable where it fails or breaks; Unavailable
    where there can be no process; and the ServiceError that it raises.
    """
    seconds = min(max(paid + budget.left, LEAST_SECONDS), most)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as channel:
        process = _fork(writing, seconds, work, *arguments)
        try:
            if not select([channel], [], [], STUCK_SECONDS)[0]:
                os.kill(process, signal.SIGPROF)
            reply = channel.read()
        except BaseException:
            os.kill(process, signal.SIGKILL)
            raise
        finally:
            _, status, usage = os.wait4(process, 0)
    budget.charge(min(max(usage.ru_utime + usage.ru_stime - paid, 0.0), budget.left), what)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if ended_by == signal.SIGPROF:
        raise TooMuchWork(f"{what} takes over {seconds * 1e3:,.0f} ms, more than it may. Send it plainer or smaller.")
    if status:
        raise Undecodable(f"{what} breaks the library that does it; the file is broken, or made to break it")
    outcome = pickle.loads(reply)
    if isinstance(outcome, ServiceError):
        raise outcome
    return cast(T, outcome)


def _fork(writing: int, seconds: float, work: Callable[..., Any], *arguments: Any) -> int:
    try:
        process = os.fork()
        if not process:
            _work(writing, seconds, work, *arguments)
    except OSError as error:
        raise Unavailable("there can be no more processes just now; try again later") from error
    finally:
        os.close(writing)
    return process


def _work(writing: int, seconds: float, work: Callable[..., Any], *arguments: Any) -> NoReturn:
    """In the new process. It never returns, nor tidies up what is its parent's."""
    code = 1
    try:
        with os.fdopen(writing, "wb") as channel:
            _confine(channel, seconds)
            channel.write(pickle.dumps(_outcome(work, *arguments), pickle.HIGHEST_PROTOCOL))
        code = 0
    finally:
        os._exit(code)


def _confine(channel: BinaryIO, seconds: float) -> None:
    os.closerange(3, channel.fileno())
    os.closerange(channel.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # which is the way to the service, in a process of its pool
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = size + MEMORY if most == resource.RLIM_INFINITY else min(size + MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # which ends the process


def _outcome(work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except ServiceError as error:
        return error.bare()
    except MemoryError:
        return TooMuchWork(f"this takes over {MEMORY >> 20} MiB of memory. Send it smaller or plainer.")
    except Exception as error:  # whatever a library makes of a hostile file
        reason = str(error)[:LONG] or type(error).__name__
        return Undecodable(f"the file is truncated or broken ({reason}); send the whole file")
