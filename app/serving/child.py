"""A process that works for the one that serves: it gets functions with a body, and sends back what they give.

What strangers send is decoded here, by libraries written in C: a picture that breaks them, or that takes all memory or
time, ends this process and not the service, and while it works the event loop goes on, which a thread would hold up.

On the way: lengths of what follows, 8 bytes each; a pickled function with its arguments and the CPU seconds it may
take; the body as it is. Back: a length, and the pickled result or error.
"""

import os
import pickle
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any, NamedTuple

from app.errors import ServiceError, TooMuchWork
from app.serving.memory import give_back

LENGTHS = struct.Struct("<QQ")  # of the pickled job and of its body
LENGTH = struct.Struct("<Q")  # of the pickled answer
READY = b"ready"
MEMORY = 320 * 1024**2  # bytes that a job may take beyond what the process has at its start
GROWN = 40 * 1024**2  # bytes after which memory is given back to the system at once,
IDLE_SECONDS = 1.0  # or all of it once there is nothing to do for so long
OPENCV_LACKS_MEMORY = "Insufficient memory"
NICE = 5  # what is small and inline comes first where there is no core for each process


class Job(NamedTuple):
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    cpu_seconds: float


class Reply(NamedTuple):
    result: Any
    error: Exception | None


def main() -> None:
    """Serve the socket that standard input is, until its other end closes. Arguments are modules to load first."""
    for module in sys.argv[1:]:
        import_module(module)
    at_start = _statm()
    for one in (signal.SIGINT, signal.SIGTERM):  # for the whole group; the service says itself when it ends
        signal.signal(one, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (at_start[0] + MEMORY,) * 2)
    os.nice(NICE)
    with socket.socket(fileno=os.dup(0)) as channel, suppress(ConnectionError):
        channel.sendall(READY)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries print about strangers' files; errors come back instead
        while head := _receive(channel, LENGTHS.size):
            _reply(channel, *LENGTHS.unpack(head))
            if _statm()[1] - at_start[1] > GROWN or not select([channel], [], [], IDLE_SECONDS)[0]:
                give_back()  # what large pictures took


def _reply(channel: socket.socket, job_bytes: int, body_bytes: int) -> None:
    reply = pickle.dumps(_answer(channel, job_bytes, body_bytes), pickle.HIGHEST_PROTOCOL)
    channel.sendall(LENGTH.pack(len(reply)) + reply)


def _answer(channel: socket.socket, job_bytes: int, body_bytes: int) -> Reply:
    job: Job = pickle.loads(_receive(channel, job_bytes))
    body = _receive(channel, body_bytes)
    signal.setitimer(signal.ITIMER_PROF, job.cpu_seconds)  # which ends the process
    try:
        return Reply(job.work(body, *job.arguments), None)
    except ServiceError as error:
        return Reply(None, error.bare())
    except Exception as error:
        if isinstance(error, MemoryError) or OPENCV_LACKS_MEMORY in str(error):
            advice = "Send it smaller or plainer."
            return Reply(None, TooMuchWork(f"this takes over {MEMORY >> 20} MiB of memory. {advice}"))
        error.add_note(traceback.format_exc())  # else lost on the way
        return Reply(None, error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _receive(channel: socket.socket, size: int) -> bytes:
    """So many bytes; none where the other end has closed."""
    data = bytearray(size)
    view, place = memoryview(data), 0
    while place < size:
        received = channel.recv_into(view[place:])
        if not received:
            return b""
        place += received
    return bytes(data)


def _statm() -> tuple[int, int]:
    """Bytes of address space and of resident memory. Source: Linux proc_pid_statm(5)."""
    size, resident = Path("/proc/self/statm").read_text().split()[:2]
    return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()
