"""multipart/form-data held in memory: the body is limited already, and a read-only container has no disk to spool to.

Source: RFC 7578. python_multipart does the parsing.
"""

from dataclasses import dataclass, field
from functools import cached_property

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadRequest, BatchTooLarge


@dataclass
class Part:
    """One part of a form."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)

    @cached_property
    def field(self) -> str:
        return self._option(b"name") or ""

    @cached_property
    def filename(self) -> str | None:
        return self._option(b"filename")

    @cached_property
    def media_type(self) -> str:
        return self.headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")

    def _option(self, name: bytes) -> str | None:
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        return options[name].decode("utf-8", "replace") if name in options else None


class _Collector:
    """The parser's callbacks."""

    def __init__(self, most: int) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._most = most
        self._name = bytearray()
        self._value = bytearray()

    def on_part_begin(self) -> None:
        if len(self.parts) == self._most:
            raise BatchTooLarge(f"a form holds at most {self._most:,} parts here; send the rest in another request")
        self.parts.append(Part())

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self.parts[-1].headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def on_end(self) -> None:
        self.ended = True

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]


def parse(content_type: str, body: bytes, *, most: int) -> list[Part]:
    """The parts of a form, at most `most`. Raises BadRequest, BatchTooLarge."""
    _, options = parse_options_header(content_type)
    if b"boundary" not in options:
        raise BadRequest("multipart/form-data needs a boundary in Content-Type; let your HTTP library set that header")
    collector = _Collector(most)
    try:
        parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": collector.on_part_begin,
                "on_header_field": collector.on_header_field,
                "on_header_value": collector.on_header_value,
                "on_header_end": collector.on_header_end,
                "on_part_data": collector.on_part_data,
                "on_end": collector.on_end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"the form is malformed ({error}); let your HTTP library write it") from error
    if not collector.ended:
        raise BadRequest("the form ends before its closing boundary; send the whole body")
    return collector.parts
