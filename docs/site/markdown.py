"""Markdown's tables."""

from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A row a line; a cell's bars and line breaks are kept from it."""
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in (head, *rows)]
    rule = "|---" * len(tuple(head)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def code(word: object) -> str:
    """In code's type; nothing of nothing."""
    return f"`{word}`" if word != "" else ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
