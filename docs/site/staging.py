"""README.md and all that it leads to, laid as in the repository, so that the same links hold in both places."""

import re
import shutil
from pathlib import Path

from docs.site.reference import MADE

LINK = re.compile(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)")  # to a file
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MARKER = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def stage(root: Path, pages: Path) -> None:
    """Copy them, and put into each marker's place what is made for it. Links to nothing are left to `links`."""
    waiting, seen = [root / "README.md"], set[Path]()
    while waiting:
        source = waiting.pop()
        if source in seen or not source.is_file():
            continue
        seen.add(source)
        target = pages / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".md":
            shutil.copy(source, target)
            continue
        text = source.read_text("utf-8")
        target.write_text(MARKER.sub(lambda marker: MADE[marker[1]](), text), "utf-8")
        waiting += [(source.parent / link).resolve() for link in LINK.findall(FENCED.sub("", text))]
