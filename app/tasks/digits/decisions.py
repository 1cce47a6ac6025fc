"""What is made of scores: accept, review or reject. For serving, whole numbers, evaluation and training alike."""

import math
from typing import Literal

from app.imaging.normalise import Frame
from app.imaging.verdicts import Verdict
from app.tasks.digits.classifier import ENERGY, Scores
from app.tasks.digits.manifest import Thresholds

Decision = Literal["accept", "review", "reject"]
DECISIONS: tuple[Decision, ...] = ("accept", "review", "reject")
REJECTED: frozenset[Verdict] = frozenset({"blank", "several_digits", "not_a_digit"})


def decide(thresholds: Thresholds, confidence: float, energy: float = -math.inf) -> Decision:
    """By the thresholds that were chosen on validation. A NaN energy is none."""
    if thresholds.energy is not None and energy > thresholds.energy:
        return "reject"
    if confidence >= thresholds.accept:
        return "accept"
    return "review" if confidence >= thresholds.review else "reject"


def decide_rows(thresholds: Thresholds, scores: Scores) -> list[Decision]:
    """A decision for each row of float32 [N, 11]."""
    confidences, energies = scores[:, :ENERGY].max(axis=1).tolist(), scores[:, ENERGY].tolist()
    return [decide(thresholds, *one) for one in zip(confidences, energies, strict=True)]


def decide_frame(thresholds: Thresholds, frame: Frame, confidence: float, energy: float) -> tuple[Decision, Verdict]:
    """With what may be wrong with the picture, of which the model has the last word by the energy.

    Of a picture with something wrong, or that may be another digit, nothing is accepted; what is no digit is rejected.
    """
    decision = decide(thresholds, confidence, energy)
    verdict = frame.judgement.confirmed(energy, thresholds.energy)
    if verdict in REJECTED:
        return "reject", verdict
    doubtful = verdict != "ok" or frame.disputed
    return "review" if doubtful and decision == "accept" else decision, verdict


def choose(frame: Frame, scores: Scores, margin: float) -> tuple[Frame, int]:
    """Which of a frame and what else the picture may be is taken, and its place among them, by their scores, float32
    [N, 11]: the one with the least energy, but the first one unless another has less by more than the margin. The first
    one where there is none.
    """
    energies = scores[:, ENERGY].tolist()
    energies[0] -= margin
    best = min(range(len(energies)), key=energies.__getitem__)  # nothing is less than a NaN
    digits = scores[:, :ENERGY].argmax(axis=1)
    return (frame, *frame.others)[best]._replace(others=(), disputed=bool((digits != digits[best]).any())), best


def least_sure(decisions: list[Decision]) -> Decision:
    """Of a whole, by those of its parts."""
    return max(decisions, key=DECISIONS.index)
