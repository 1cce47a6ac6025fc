"""A body in chunks, as it comes. Source: RFC 9112, 7.1."""

import re

from app.errors import BadRequest, TooLarge

MOST_FRAMING = 16_384  # bytes of sizes, extensions and trailers, beside as many as there are of data
CHUNKS_AT_ONCE = 256  # after which others have their turn
SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


class Chunks:
    """Where in such a body the reading is."""

    __slots__ = ("_data", "_framing", "_in_trailers", "_left", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._in_trailers = False
        self._left = 0  # bytes of the chunk that is being read, with the CRLF after it
        self._data = 0
        self._framing = 0

    def read(self, data: bytes | bytearray, at: int) -> tuple[int, list[bytes]]:
        """Where the reading of `data` that began `at` ended, and the pieces of the body that it found.

        What is not read yet is to be given again, with more. Raises BadRequest, TooLarge.
        """
        pieces: list[bytes] = []
        for _ in range(CHUNKS_AT_ONCE):
            if self._left > 2:
                if at >= len(data):
                    break
                piece = bytes(data[at : at + self._left - 2])
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._data += len(piece)
            elif self._left:
                if len(data) < at + 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise BadRequest("the body's chunks are not as long as they say")
                at += 2
                self._left = 0
            else:
                end = data.find(b"\r\n", at)
                self._check_framing(len(data) - at if end < 0 else end - at)
                if end < 0:
                    break
                self._read_line(bytes(data[at:end]))
                at = end + 2
                if self.complete:
                    break
        return at, pieces

    def _read_line(self, line: bytes) -> None:
        self._framing += len(line) + 4  # with the chunk's end
        if self._in_trailers:
            if line and not TRAILER.fullmatch(line):
                raise BadRequest("the body's chunks are followed by what is no trailer")
            self.complete = not line
        elif size := SIZE.fullmatch(line):
            self._left = int(size[1], 16) + 2
            if self._left == 2:
                self._left, self._in_trailers = 0, True
        else:
            raise BadRequest(f"a chunk begins with its size in hexadecimal digits; {line[:20]!r} came")

    def _check_framing(self, more: int) -> None:
        if self._framing + more > MOST_FRAMING + self._data:
            raise TooLarge(
                f"a chunked body holds at most {MOST_FRAMING:,} bytes of chunk sizes, extensions and trailers, or as "
                "many as it holds data; more came. Send larger chunks."
            )
