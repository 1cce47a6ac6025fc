"""What is measured bit by bit, kept as JSON after every run, and the document that is written of it all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Kept:
    """Results by kind and name, in a file beside a document that `document` makes of them."""

    def __init__(self, results: Path, page: Path, document: Callable[[Mapping[str, Any]], str]) -> None:
        self._results, self._page, self._document = results, page, document

    def load(self) -> dict[str, Any]:
        """All of them; none where nothing was measured yet."""
        found: dict[str, Any] = json.loads(self._results.read_text()) if self._results.exists() else {}
        return found

    def keep(self, kind: str, name: str, value: Any) -> None:
        """In place of what was there under its kind and name, in the file and in the document."""
        results = self.load()
        results.setdefault(kind, {})[name] = value
        self._results.write_text(json.dumps(results, indent=1) + "\n")
        self._page.write_text(self._document(results))
