"""A request's budget of work: how large it is, and what happens where it is used up."""

import pytest

from app.budget import Budget, allowed_seconds
from app.errors import TooMuchWork

KB = 1024


def test_it_grows_with_the_body_between_a_floor_and_a_ceiling() -> None:
    sizes = [0, 50, 100, KB, 20 * KB, 100 * KB, 300 * KB, 1024 * KB, 32 * 1024 * KB]
    assert [allowed_seconds(size) for size in sizes] == pytest.approx(
        [0.005, 0.005, 0.005, 0.05, 1.0, 1.0, 1.0, 1.0, 1.0]
    )
    assert [allowed_seconds(size, many=True) for size in sizes] == pytest.approx(
        [0.005, 0.005, 0.005, 0.05, 1.0, 1.0, 3.0, 10.0, 10.0]
    )


def test_what_is_charged_is_gone_and_what_is_too_much_is_refused_with_figures() -> None:
    budget = Budget(allowed_seconds(KB))
    budget.charge(0.03, "decoding")
    with pytest.raises(TooMuchWork) as refused:
        budget.charge(0.03, "looking at 2,047x2,047 pixels")
    assert refused.value.code == "too_much_work"
    assert "looking at 2,047x2,047 pixels would take about 30 ms, and 20 ms are left of the 50 ms" in str(refused.value)
    budget.charge(0.02, "what still fits")
