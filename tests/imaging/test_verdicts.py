"""Verdicts, and what the model adds to them."""

from typing import get_args

import pytest

from app.imaging.verdicts import ADVICE, Judgement, Verdict


def test_there_is_advice_on_everything_that_may_be_wrong() -> None:
    assert set(ADVICE) == set(get_args(Verdict))
    assert [verdict for verdict, advice in ADVICE.items() if not advice] == ["ok"]


@pytest.mark.parametrize(("energy", "verdict"), [(-9.0, "ok"), (-4.9, "not_a_digit"), (-5.1, "ok")])
def test_the_model_has_the_last_word(energy: float, verdict: Verdict) -> None:
    assert Judgement("ok", "not_a_digit", -2.0).confirmed(energy, threshold=-3.0) == verdict


def test_without_a_threshold_the_model_adds_nothing() -> None:
    assert Judgement("clipped", "blank").confirmed(99.0, None) == "clipped"
