"""How far a run over very many images is: for a caller's own function, or as a bar of tqdm's or rich's."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from digitserve_client.results import ItemError, Prediction


@dataclass(frozen=True, slots=True)
class Progress:
    """After some more answers: `done` images of `total`, `failed` among them, after so many `seconds`.

    `total` is None of what has no length, such as a generator.
    """

    done: int
    failed: int
    total: int | None
    seconds: float

    @property
    def left(self) -> float | None:
        """Seconds until the end, at the pace so far; None where nobody knows."""
        return self.seconds / self.done * (self.total - self.done) if self.done and self.total is not None else None


Show: TypeAlias = Callable[[Progress], None]
ShowProgress: TypeAlias = Show | Literal["tqdm", "rich"] | None


@dataclass
class Tally:
    """Counts answers, and shows how many there are."""

    show: Show
    total: int | None
    done: int = 0
    failed: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, done: int, failed: int) -> None:
        """So many have come, and failed among them."""
        self.done += done
        self.failed += failed
        self.show(Progress(self.done, self.failed, self.total, time.monotonic() - self.began))


def failures(answers: Iterable[Prediction | ItemError]) -> int:
    """How many of them are none."""
    return sum(isinstance(one, ItemError) for one in answers)


@contextmanager
def counting(progress: ShowProgress, images: object) -> Iterator[Tally]:
    """Of a run over these images. Raises ImportError for a bar that is not installed, ValueError for an unknown one."""
    total = len(images) if hasattr(images, "__len__") else None
    match progress:
        case None:
            yield Tally(lambda _: None, total)
        case "tqdm":
            with _tqdm(total) as show:
                yield Tally(show, total)
        case "rich":
            with _rich(total) as show:
                yield Tally(show, total)
        case str():
            raise ValueError(f"expected progress 'tqdm', 'rich' or a function; got {progress!r}")
        case _:
            yield Tally(progress, total)


@contextmanager
def _tqdm(total: int | None) -> Iterator[Show]:
    with _extra("tqdm"):
        from tqdm.auto import tqdm
    with tqdm(total=total, unit="image", unit_scale=True) as bar:

        def show(now: Progress) -> None:
            if now.failed:
                bar.set_postfix(failed=now.failed, refresh=False)
            bar.update(now.done - bar.n)

        yield show


@contextmanager
def _rich(total: int | None) -> Iterator[Show]:
    with _extra("rich"):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)

        def show(now: Progress) -> None:
            failed = f"{now.failed:,} failed" if now.failed else ""
            bar.update(task, completed=now.done, description=failed)

        yield show


@contextmanager
def _extra(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ImportError(f"a bar of {name}'s needs {name}: pip install 'digitserve-client[{name}]'") from error
