"""More than can be read in good time is refused."""

import pytest

from app.errors import Undecodable
from app.imaging.limits import check


def test_as_many_as_allowed() -> None:
    check(400, 400, "parts")
    with pytest.raises(Undecodable, match="holds 1,401 parts; at most 400 are read at a time"):
        check(1_401, 400, "parts")
