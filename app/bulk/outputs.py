"""Rows of a shard -> one file, there whole or not at all, and what such a file says when it is read again."""

import csv
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from app.bulk.rows import Row

Format = Literal["parquet", "csv"]
UNFINISHED = ".writing"  # how names end of what is not whole yet
ROW_GROUP = 16_384  # rows that are gathered before they are written
LONGEST_FIELD = 1 << 24  # characters in a CSV's field: csv takes fewer by itself


class OutputError(Exception):
    """The folder of outputs cannot be used as asked; the message says why and what to do."""


class Written(NamedTuple):
    """What a part says when it is read again."""

    ids: list[str]
    errors: int


def need(form: Format) -> None:
    """Raises OutputError where a format's library is not installed."""
    if form == "parquet":
        try:
            import_module("pyarrow.parquet")
        except ImportError as error:
            raise OutputError("to write Parquet, pip install 'digitserve[score]', or choose --format csv") from error


def write(path: Path, form: Format, pieces: Iterable[list[Row]]) -> tuple[int, int]:
    """Beside its place under another name, then renamed; how many rows, and how many of them are errors.

    Raises OSError, and what `pieces` raise; then nothing is left.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    rows = errors = 0
    try:
        with (_parquet if form == "parquet" else _csv)(unfinished) as put:
            for piece in pieces:
                put(piece)
                rows += len(piece)
                errors += sum(row.error is not None for row in piece)
        _keep(unfinished)
        unfinished.rename(path)
        _keep(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return rows, errors


def read(path: Path) -> Written:
    """A part's ids in their order, and how many images failed. Raises OutputError where it is no such file."""
    try:
        return (_read_parquet if path.suffix == ".parquet" else _read_csv)(path)
    except (OSError, ValueError, KeyError, csv.Error) as error:  # Arrow's errors are of these, too
        raise OutputError(f"{path} cannot be read ({error}); delete it and run the same command again") from error


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[list[Row]], None]]:
    import pyarrow
    from pyarrow import parquet

    kinds: dict[str, Any] = {
        "id": pyarrow.string(),
        "text": pyarrow.string(),
        "digits": pyarrow.list_(pyarrow.uint8()),
        "confidence": pyarrow.float32(),
        "decision": pyarrow.string(),
        "verdict": pyarrow.string(),
        "boxes": pyarrow.list_(pyarrow.list_(pyarrow.float32())),
        "error": pyarrow.string(),
        "model": pyarrow.string(),
    }
    schema = pyarrow.schema(list(kinds.items()))
    gathered: list[Any] = []
    with parquet.ParquetWriter(path, schema) as writer:

        def put(rows: list[Row]) -> None:
            columns = zip(zip(*rows, strict=True), kinds.values(), strict=True)
            gathered.append(pyarrow.record_batch([pyarrow.array(*column) for column in columns], schema))
            if sum(map(len, gathered)) >= ROW_GROUP:
                flush()

        def flush() -> None:
            writer.write_table(pyarrow.Table.from_batches(gathered, schema))
            gathered.clear()

        yield put
        flush()


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[list[Row]], None]]:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)

        def put(rows: list[Row]) -> None:
            writer.writerows(row._replace(digits=_json(row.digits), boxes=_json(row.boxes)) for row in rows)

        yield put


def _json(value: Any) -> Any:
    return None if value is None else orjson.dumps(value).decode()


def _read_parquet(path: Path) -> Written:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        table = file.read(columns=["id", "error"], use_threads=False)
    errors = table.column("error")
    return Written(table.column("id").to_pylist(), len(errors) - errors.null_count)


def _read_csv(path: Path) -> Written:
    csv.field_size_limit(LONGEST_FIELD)
    ids, errors, error = list[str](), 0, Row._fields.index("error")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != Row._fields:
            raise ValueError("it does not begin with the names of the columns")
        for row in reader:
            ids.append(row[0])
            errors += bool(row[error])
    return Written(ids, errors)


def _keep(path: Path) -> None:
    """What stands there survives a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
