"""What memory a run takes, from its beginning to its end."""

import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.bulk import material

EVERY_SECONDS = 0.25


class Memory(NamedTuple):
    """Bytes of all the run's processes together: medians of the second and the last tenth, and the most."""

    images: int
    first: int
    last: int
    most: int


def measure(images: int) -> Memory:
    """Of a run over so many frames, by the parts that are written."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = material.frames(Path(folder, "frames.npy"), images), Path(folder, "out")
        driver = material.start(source, out)
        seen: list[tuple[int, int]] = []
        while driver.poll() is None:
            seen.append((len(list(out.glob("0*"))), _pss(driver.pid)))
            time.sleep(EVERY_SECONDS)
        said = driver.communicate()[1]
        if driver.returncode:
            raise RuntimeError(said)
        parts = len(list(out.glob("0*")))
    first, last = (
        _median([size for done, size in seen if low <= done / parts < high]) for low, high in ((0.1, 0.2), (0.9, 1))
    )
    return Memory(images, first, last, max(size for _, size in seen))


def _pss(parent: int) -> int:
    """Of a process and its children; shared pages count by their part. Libraries' files are left out: their part grows
    when another program that uses them ends. Source: Linux proc(5), smaps_rollup.
    """
    total = 0
    with suppress(OSError):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in [str(parent), *children]:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return total * 1024


def _median(sizes: list[int]) -> int:
    return sorted(sizes)[len(sizes) // 2]
