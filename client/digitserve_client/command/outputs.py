"""Answers -> lines for people, CSV, JSON (an object a line) or Parquet, each written as it comes."""

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, TextIO, TypeAlias, cast

from digitserve_client.results import ItemError, Number, Prediction

ROWS = 4096  # of a Parquet file, written in one go
DIGIT_FIELDS = ("name", "digit", "confidence", "decision", "energy", "verdict", "advice", "model", "error", "detail")
NUMBER_FIELDS = (
    *("name", "text", "raw", "confidence", "decision", "line"),
    *("left", "top", "width", "height", "model", "error", "detail"),
)
Row = Mapping[str, Any]
Answer: TypeAlias = Prediction | list[Number] | ItemError


class Form(StrEnum):
    """How answers are written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def rows(fields: tuple[str, ...], name: str, answer: Answer) -> list[Row]:
    """An answer as rows of a table: one of a digit or an error, one for each number; what there is none of is None."""
    if isinstance(answer, ItemError):
        return [_row(fields, name=name, error=answer.code, detail=answer.detail)]
    if isinstance(answer, Prediction):
        return [_digit_row(fields, name, answer)]
    return [_number_row(fields, name, number) for number in answer] or [_row(fields, name=name, text="")]


def _digit_row(fields: tuple[str, ...], name: str, answer: Prediction) -> Row:
    return _row(
        fields,
        name=name,
        digit=answer.digit,
        confidence=answer.confidence,
        decision=answer.decision,
        energy=answer.energy,
        verdict=answer.input and answer.input.verdict,
        advice=answer.input and answer.input.advice,
        model=f"{answer.model.name}/{answer.model.version}",
    )


def _number_row(fields: tuple[str, ...], name: str, number: Number) -> Row:
    return _row(
        fields,
        name=name,
        **{field: getattr(number, field) for field in ("text", "raw", "confidence", "decision", "line")},
        **dict(zip(("left", "top", "width", "height"), number.box, strict=True)),
        model=f"{number.model.name}/{number.model.version}",
    )


def _row(fields: tuple[str, ...], **known: Any) -> Row:
    return {field: known.get(field) for field in fields}


def document(name: str, answer: Answer) -> dict[str, Any]:
    """All that is said of an image, for JSON; pictures are left out."""
    if isinstance(answer, ItemError):
        return {"name": name, "error": {"code": answer.code, "status": answer.status, "detail": answer.detail}}
    if isinstance(answer, Prediction):
        found = asdict(answer)
        return {"name": name, **{key: found[key] for key in found if key not in ("seen", "name", "server_timing")}}
    numbers = [asdict(number) for number in answer]
    return {"name": name, "numbers": [{key: one[key] for key in one if key != "server_timing"} for one in numbers]}


def line(name: str, answer: Answer) -> str:
    """One line for people."""
    if isinstance(answer, ItemError):
        return f"{name}: no answer: {answer.detail}"
    if isinstance(answer, Prediction):
        advice = f"; {answer.input.advice}" if answer.input and answer.input.advice else ""
        return f"{name}: {answer.digit} ({answer.confidence:.1%}, {answer.decision}){advice}"
    found = ", ".join(f"{one.raw or one.text} ({one.confidence:.1%}, {one.decision})" for one in answer)
    return f"{name}: {found or 'no number'}"


@dataclass
class HeatMaps:
    """Files NAME.heatmap.png of a folder; a name that this run has used is given a number."""

    folder: Path
    _used: set[str] = field(default_factory=set)

    def write(self, name: str, heatmap: bytes) -> Path:
        """Where it is then. Raises OSError."""
        base = "stdin" if name == "-" else Path(name).name
        numbered = (f"{base}-{number}" if number > 1 else base for number in count(1))
        unused = next(one for one in numbered if one.casefold() not in self._used)  # to many a disk case is all one
        self._used.add(unused.casefold())
        path = self.folder / f"{unused}.heatmap.png"
        path.write_bytes(heatmap)
        return path


class Writer(ABC):
    """Takes one answer after the other."""

    @abstractmethod
    def write(self, name: str, answer: Answer) -> None: ...

    @abstractmethod
    def flush(self) -> None:
        """Let others see what was written."""

    def close(self) -> None:
        """Finish what was written."""
        self.flush()


class _Lines(Writer):
    def __init__(self, out: TextIO, form: Form) -> None:
        self._out = out
        self._form = form

    def write(self, name: str, answer: Answer) -> None:
        said = json.dumps(document(name, answer)) if self._form is Form.JSON else line(name, answer)
        print(said, file=self._out)

    def flush(self) -> None:
        self._out.flush()


class _Csv(Writer):
    def __init__(self, out: TextIO, fields: tuple[str, ...]) -> None:
        self._out, self._fields = out, fields
        self._table = csv.DictWriter(out, fields, lineterminator="\n")
        if out is sys.stdout or out.tell() == 0:
            self._table.writeheader()
            self.flush()

    def write(self, name: str, answer: Answer) -> None:
        self._table.writerows(rows(self._fields, name, answer))

    def flush(self) -> None:
        self._out.flush()


class _Parquet(Writer):
    """Whole only when it is closed: until then its name ends in .part."""

    def __init__(self, path: Path, fields: tuple[str, ...]) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise ImportError("Parquet needs pyarrow: pip install 'digitserve-client[parquet]'") from error
        types = {"digit": pa.int8(), "line": pa.int32()}
        types |= dict.fromkeys(("confidence", "energy", "left", "top", "width", "height"), pa.float64())
        self._schema = pa.schema([(field, types.get(field, pa.string())) for field in fields])
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._file = pq.ParquetWriter(self._part, self._schema)
        self._rows: list[Row] = []
        self._fields, self._table = fields, pa.Table

    def write(self, name: str, answer: Answer) -> None:
        self._rows += rows(self._fields, name, answer)
        if len(self._rows) >= ROWS:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._file.close()
        self._part.replace(self._path)

    def flush(self) -> None:
        self._file.write_table(self._table.from_pylist(self._rows, self._schema))
        self._rows = []


@contextmanager
def writing(form: Form, fields: tuple[str, ...], out: Path | None, *, append: bool = False) -> Iterator[Writer]:
    """Into a file, after what it holds where that is kept, or to stdout.

    Raises ImportError where Parquet's library is missing, OSError.
    """
    if form is Form.PARQUET:
        assert out is not None, "the command asks for a file"
        writer: Writer = _Parquet(out, fields)
        yield writer
        writer.close()  # what was broken off stays a .part
        return
    with _opened(out, "a" if append else "w") as file:
        writer = _Csv(file, fields) if form is Form.CSV else _Lines(file, form)
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def _opened(out: Path | None, mode: str) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
    else:
        with out.open(mode, encoding="utf-8", newline="") as file:
            yield cast(TextIO, file)
