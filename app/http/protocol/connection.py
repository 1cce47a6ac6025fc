"""One connection: what comes is cut into requests, which are begun one at a time and answered in their order."""

import asyncio
import re
from math import inf
from typing import TYPE_CHECKING, Any

from app.errors import HeadTooSlow, ServiceError, TooManyConnections
from app.http.protocol.chunks import Chunks
from app.http.protocol.head import CHUNKED, MOST_BYTES, Head, parse, too_large
from app.http.protocol.request import Cycle, Wire, head_of, scope_of
from app.http.protocol.waiting import Waiting, Waits
from app.http.wire import Headers

if TYPE_CHECKING:
    from app.http.protocol.door import Door

HIGH_WATER = 65_536  # bytes that wait, of a body for the app or of requests for their turn; beyond, none are read
LINGER_SECONDS = 5.0  # for which a caller that has its last answer may go on sending, so that it comes to read it
LINGER_BYTES = 64 * 1024**2  # that it may send meanwhile; they are dropped as they come
LAST_HEAD_SECONDS = 1.0  # for who has just connected to a service that stops
REMEMBERED_BYTES = 2048  # of a head
REST_BYTES = 1024**2  # of a body that was refused: worth waiting for, so that the connection can be kept
EMPTY_LINES = re.compile(rb"[\r\n]*")  # that may stand before a request (RFC 9112, 2.2)


class Connection(Waiting):
    """asyncio's protocol. Of all that comes at once one request is begun in a turn of the loop, and none while its
    caller does not read the answers: the rest is held as bytes, and when there are many, no more are read.
    """

    def __init__(self, door: "Door") -> None:
        super().__init__(door.bounds, door.loop)
        self._door = door
        self._of_scope: dict[str, Any] = {}
        self._held = bytearray()  # what came and has not been read
        self._last_text = b""  # a head that has been read
        self._last_head: Head
        self._searched = 0  # bytes of it in which a head does not end
        self._goes_on_soon = False
        self._reads = True
        self._left = 0  # bytes of a body that are to come,
        self._chunks: Chunks | None = None  # or where in its chunks the reading is
        self._cycle: Cycle | None = None  # that the body is for
        self._answering = False
        self._has_answer = False  # the request whose body comes or whose answer is due: at least its head
        self._keeps_alive = True
        self._leaves = False  # for the whole service does
        self._dropped = 0  # bytes that came for nobody

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._of_scope = scope_of(transport, self.is_gone)
        self._wait(Waits.FIRST_HEAD, self._bounds.head_seconds)
        if not self._door.enter(self):
            self.refuse(TooManyConnections("all connections that this service may hold are in use", retry_after=1))

    def connection_lost(self, _: Exception | None) -> None:
        self._door.leave(self)
        self._leave_caller()
        self._of_scope = {}  # in which this is: nothing is left to the garbage collector
        self._held.clear()
        self.resume_writing()

    def eof_received(self) -> None:
        """The caller hangs up: so does asyncio, once it has sent what was written."""
        self._wait(Waits.END, LINGER_SECONDS)

    def shutdown(self) -> None:
        """uvicorn is about to stop: the answer that is due is the last, or to a first request that is on its way."""
        self._keeps_alive, self._leaves = False, True
        if self.waits is Waits.FIRST_HEAD:  # closed now, it would be reset if that has arrived and was not read
            self.deadline = min(self.deadline, self._loop.time() + LAST_HEAD_SECONDS)
            self._allowed = self.deadline - self.since
        elif not self._answering:
            self._close()

    # What comes

    def data_received(self, data: bytes) -> None:
        if self.waits is Waits.END:
            self._drop(len(data))
        elif self._held:
            self._held += data
            if self._goes_on_soon:
                self.regulate()
            else:
                self._go_on()
        elif (read := self._read(data)) < len(data):
            self._held += data[read:]
            self._after(read)

    def _go_on(self) -> None:
        self._goes_on_soon = False
        if self._held:
            read = self._read(self._held)
            del self._held[:read]
            self._after(read)

    def _after(self, read: int) -> None:
        """What follows when so many bytes were read, and others are held."""
        if self.waits is Waits.END:
            self._held.clear()
        elif read:
            self._go_on_soon()
        self.regulate()

    def _go_on_soon(self) -> None:
        """In another turn of the loop, so that the many requests of one caller do not keep it from the others'."""
        if self._held and not self._goes_on_soon:
            self._goes_on_soon = True
            self._loop.call_soon(self._go_on)

    def _read(self, data: bytes | bytearray) -> int:
        """Read what can be read now: the rest of a body, or a head and what came of its body. How many bytes it was."""
        try:
            if self.waits is Waits.BODY:
                return self._read_body(data, 0)
            if self.waits is Waits.ANSWER or self._writable is not None:
                return 0
            if end := data.find(b"\r\n\r\n", self._searched) + 1:
                self._searched = 0
                return self._begin(data, end + 3)
            return self._await_end_of_head(data)
        except ServiceError as error:
            self.refuse(error)
            return len(data)

    def _await_end_of_head(self, data: bytes | bytearray) -> int:
        if (empty := EMPTY_LINES.match(data)) and empty.end():
            return empty.end()
        if len(data) > MOST_BYTES:
            raise too_large()
        if not self._searched and self.waits is Waits.HEAD:
            self._wait(Waits.HEAD, self._bounds.head_seconds)
        self._searched = max(1, len(data) - 3)
        return 0

    def _begin(self, data: bytes | bytearray, end: int) -> int:
        """Begin the request whose head ends there; where the reading ended."""
        text = bytes(data[:end])
        if text == self._last_text:  # as a caller's next one mostly is
            head = self._last_head
        else:
            head = parse(text)
            if end <= REMEMBERED_BYTES:
                self._last_text, self._last_head = text, head
        scope = {**head.scope, **self._of_scope, "state": self._door.app_state.copy()}
        self._keeps_alive = head.keeps_alive and self._keeps_alive
        self._answering = True
        if 0 <= head.length <= len(data) - end:
            self.waits, self.deadline = Waits.ANSWER, inf
            body, end = bytes(data[end : end + head.length]), end + head.length
            if self._door.takes(scope):
                self._door.take(Wire(self, scope, body))
                return end
            self._cycle = cycle = Cycle(self, scope)
            cycle.add([body], more=False)
        else:
            self._wait(Waits.BODY, inf)
            self._left, self._chunks = head.length, Chunks() if head.length == CHUNKED else None
            self._cycle = cycle = Cycle(self, scope, expects_continue=head.expects_continue)
            end = self._read_body(data, end)
        self._door.begin(cycle)
        return end

    def _read_body(self, data: bytes | bytearray, at: int) -> int:
        if self._chunks is not None:
            end, pieces = self._chunks.read(data, at)
            complete = self._chunks.complete
        else:
            pieces = [bytes(data[at : at + self._left])]
            end = at + len(pieces[0])
            self._left -= end - at
            complete = not self._left
        if complete:
            self._chunks = None
            self.waits = Waits.ANSWER
        if self._cycle is not None:
            self._cycle.add(pieces, more=not complete)
            self.regulate()
        elif complete:
            self._await_next()
        else:
            self._drop(end - at)
        return end

    def _drop(self, count: int) -> None:
        """So many bytes came for nobody."""
        self._dropped += count
        if self.waits is not Waits.END and self._dropped > REST_BYTES:
            self._end()
        elif self._dropped > LINGER_BYTES:
            self._close()

    def regulate(self) -> None:
        """Read no more than is taken."""
        waiting = len(self._held) > HIGH_WATER
        if self.waits is Waits.BODY and self._cycle is not None:  # once it is whole, its caller's end is to be seen
            waiting |= self._cycle.unread > HIGH_WATER
        if waiting is self._reads and not self.is_gone():
            self._reads = not waiting
            if waiting:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    # What is answered

    def respond(self, status: int, headers: Headers, body: bytes, *, close: bool) -> None:
        """A whole answer, in one write."""
        self.write(b"".join((*self.head(status, headers, close=close), body)))
        self.answered()

    def head(self, status: int, headers: Headers, *, close: bool) -> list[bytes]:
        """An answer's head, which says whether another request is taken: not with `close`, nor where the rest of a
        body that was refused would be too much to wait for.
        """
        if close or (self.waits is Waits.BODY and self._left > REST_BYTES):
            self._keeps_alive = False
        self._has_answer = True
        return head_of(status, (*self._door.default_headers(), *headers), close=not self._keeps_alive)

    def answered(self) -> None:
        """The answer is whole."""
        self._answering = False
        self._cycle = None
        if self.waits is Waits.END:
            return
        if not self._keeps_alive:
            self._end()
        elif self.waits is Waits.BODY:
            self._dropped = 0
            self._wait(Waits.BODY, self._bounds.head_seconds)
            self.regulate()
        else:
            self._await_next()

    def _await_next(self) -> None:
        self._has_answer = False
        self._wait(Waits.HEAD, self._bounds.keep_alive_seconds)
        self._go_on_soon()

    def refuse(self, error: ServiceError) -> None:
        """Say why nothing more is taken from this caller, unless that would come amid or after its answer."""
        if self._has_answer and self._answering:
            self.abort()
            return
        self._leave_caller()
        if not self._has_answer:
            status, headers, body = self._door.refusal(error, self._of_scope.get("client"))
            self.write(b"".join((*self.head(status, headers, close=True), body)))
        self._end()

    def _leave_caller(self) -> None:
        """Whatever is being done for it is of no use any more."""
        self._answering = False
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.leave()

    def _end(self) -> None:
        """Nothing more is answered. What still comes is dropped for a while instead of resetting the connection, which
        could cost the caller its answer (RFC 9112, 9.6)."""
        if self.is_gone():
            return
        if self._leaves and self.waits is not Waits.BODY:
            self._close()
            return
        self._wait(Waits.END, LINGER_SECONDS)
        self._dropped = 0
        self._held.clear()
        self._transport.write_eof()
        self.regulate()

    def _close(self) -> None:
        """At once, but for what is being sent."""
        self._wait(Waits.END, LINGER_SECONDS)
        self._transport.close()

    def expire(self, now: float) -> None:
        """The deadline has passed."""
        if not self._is_late(now):
            return
        if self._transport.get_write_buffer_size():
            self.abort()
        elif self._searched:
            seconds = self._bounds.head_seconds
            self.refuse(HeadTooSlow(f"the request's head did not arrive within {seconds:g} s; send it again"))
        else:
            self._close()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on_soon()
