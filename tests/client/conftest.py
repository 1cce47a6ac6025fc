"""One fixture: a real server on a free port."""

from collections.abc import Iterator

import pytest

from .scripted import Script, serving


@pytest.fixture
def script() -> Iterator[Script]:
    with serving() as running:
        yield running
