"""What the picture alone tells of the digit in it: that it is faint, cut off, one of several, or too small."""

from app.imaging.boxes import Box
from app.imaging.components import Component, Components
from app.imaging.doubt import FAINT
from app.imaging.picture import Picture, Separated, Stage
from app.imaging.preparation import Doubt
from app.imaging.verdicts import Judgement, Verdict

LOW = 9  # pixels of the digit's longer side
BARE = 0.08  # of the picture: with so much paper on another side, a digit at the border is cut off by it
TALL, HEAVY = 0.55, 0.2  # of the digit's height and area: a component outside it that is so is another digit

FIXED_SECONDS, COMPONENT_SECONDS = 0.01e-3, 0.4e-6


def judge(
    separated: Separated, components: Components, digit: list[Component], box: Box, believed: float | None, doubt: Doubt
) -> Judgement:
    """By the picture alone; `believed` as `believed_if_faint` has it."""
    verdict: Verdict = "faint" if separated.typical < FAINT else _of_clear_ink(components, digit, box)
    if believed is not None:
        return Judgement(verdict, "blank", believed)
    return Judgement(verdict, "not_a_digit", doubt.clear) if verdict == "ok" else Judgement(verdict, verdict)


def _of_clear_ink(components: Components, digit: list[Component], box: Box) -> Verdict:
    cut = _is_cut(box, components.labels.shape)
    own = {component.label for component in digit}
    others = [other for other in components.found if other.label not in own and _is_digit(other, digit[0])]
    if any(not other.borders for other in others) or (others and not cut):  # else it may be of the same digit
        return "several_digits"
    if cut:
        return "clipped"
    return "low_resolution" if box.side < LOW else "ok"


def _is_digit(component: Component, main: Component) -> bool:
    tall = component.box.height > TALL * main.box.height and component.area > HEAVY * main.area
    return tall and not component.box.surrounds(main.box)  # what does is the rest of a printed box


def _is_cut(box: Box, shape: tuple[int, ...]) -> bool:
    """At one border or at two that meet. At opposite ones, or all round, it was cropped to its size."""
    height, width = shape
    left, top, right, bottom = box.left, box.top, width - box.right, height - box.bottom
    if (left == right == 0) or (top == bottom == 0) or min(left, top, right, bottom):
        return False
    return max(left, right) > BARE * width or max(top, bottom) > BARE * height


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + COMPONENT_SECONDS * len(picture.components.names)


def _run(picture: Picture) -> None:
    picture.judgement = judge(
        picture.separated,
        picture.components,
        picture.digit,
        picture.box,
        picture.believed,
        picture.preparation.doubt,
    )


JUDGE = Stage("judging the picture", _seconds, _run)
