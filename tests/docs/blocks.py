"""The documentation's code blocks, and what a comment before each says of it.

<!-- not run: REASON -->    what cannot be run in a test, and why
<!-- keeps running -->      a service; the next such block, or the page's end, ends it
<!-- fails -->              its last command is to fail
<!-- file: NAME -->         what stands in it is written to a file
"""

import re
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(
    r"(?:^<!-- (?P<said>not run|keeps running|fails|file)(?:: (?P<of>.+))? -->\n+)?"
    r"^```(?P<language>.*)\n(?P<text>(?s:.*?))^```$",
    re.MULTILINE,
)


class Block(NamedTuple):
    page: Path
    line: int
    """Of the page, on which its fence is."""
    language: str
    text: str
    said: str
    """What the comment says; empty where there is none."""
    of: str
    """After the comment's colon: a reason, or a file's name."""


def blocks(page: Path) -> list[Block]:
    """All of a page, in order."""
    source = page.read_text("utf-8")
    return [
        Block(
            page,
            source.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["text"],
            found["said"] or "",
            found["of"] or "",
        )
        for found in BLOCK.finditer(source)
    ]


def commands(console: str) -> list[tuple[str, str]]:
    """Of a block with `$ command` lines (`> ` where one goes on): each command, and the output that is shown."""
    found: list[tuple[str, str]] = []
    for line in console.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (found[-1][0] + line[2:], "")
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found
