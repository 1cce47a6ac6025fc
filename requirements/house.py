"""What `make check` asks of the house beyond linters: numbers of one task stay in its room, functions stay short."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

APP = Path("app")
DIGITS = APP / "tasks" / "digits"
OF_DIGITS = {28, 10, 11, 784}  # a frame's side, the digits, the scores, a frame's pixels
LONGEST = 50  # lines of a function


def main() -> int:
    """How many things are wrong, at most 1."""
    wrong = [one for path in sorted(APP.rglob("*.py")) for one in look(path)]
    print("\n".join(wrong) or "every number of the digits task stands in its room, and every function is short")
    return bool(wrong)


def look(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in OF_DIGITS:
            if not path.is_relative_to(DIGITS):
                yield f"{path}:{node.lineno}: {node.value} belongs to {DIGITS} and to training"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines; {LONGEST} at most"


if __name__ == "__main__":
    sys.exit(main())
