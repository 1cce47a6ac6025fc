"""What may be wrong with a picture of a digit, and what its sender can do about it."""

from typing import Literal, NamedTuple

Verdict = Literal["ok", "blank", "faint", "clipped", "several_digits", "not_a_digit", "low_resolution"]

ADVICE: dict[Verdict, str] = {
    "ok": "",
    "blank": "Nothing is written here. Draw a digit, or send another picture.",
    "faint": "The ink hardly stands out from the paper. Draw darker, or with more light.",
    "clipped": "The digit is cut off by the picture's border. Leave some paper around it.",
    "several_digits": "There seem to be several digits. Send one at a time, or the whole picture to /v1/read.",
    "not_a_digit": "This does not look like a digit from 0 to 9. Write it anew, larger and on its own.",
    "low_resolution": "The digit is only a few pixels high. Send a larger picture.",
}
NO_INK = "no ink was found: nothing stands out from the paper. Draw darker, or send another image."


class Judgement(NamedTuple):
    """What the picture alone tells, and what it is if the model doubts that this is a digit."""

    verdict: Verdict = "ok"
    doubted: Verdict = "not_a_digit"
    believed: float = 0.0
    """The model doubts it where its energy exceeds its threshold by more than this."""

    def confirmed(self, energy: float, threshold: float | None) -> Verdict:
        """The verdict with what the model adds; without a threshold it adds nothing."""
        doubts = threshold is not None and energy - threshold > self.believed
        return self.doubted if doubts else self.verdict
