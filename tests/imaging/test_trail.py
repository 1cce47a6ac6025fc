"""The way of a picture to its frame, as people see it."""

import io

import numpy as np
from PIL import Image

from app.budget import Budget
from app.imaging import normalise as way
from app.imaging.arrays import Grey
from app.imaging.doubt import DOUBT
from app.imaging.enlarge import ENLARGE
from app.imaging.judge import JUDGE
from app.imaging.normalise import Frame, normalise
from app.imaging.trail import BEGIN, VIEWS, Trail
from app.tasks.digits import strokes
from tests.conftest import ROOT
from tests.pictures import broken
from training.constants import PREPARATION


def seen(pixels: Grey) -> Frame:
    return normalise(pixels, PREPARATION, trail=Trail.begin(pixels))


def last_picture(frame: Frame) -> Grey:
    png = next(glimpse.png for glimpse in reversed(frame.glimpses) if glimpse.png)
    return np.asarray(Image.open(io.BytesIO(png)))


def test_every_stage_that_changes_something_is_seen() -> None:
    looks = (*way.LOOK, *way.LOOK_FOR_NARROW_STROKES, *way.LOOK_AT_COLOUR)
    stages = {*way.FINDING_PAPER, *looks, *way.MAKING_FRAME, *way.MENDING, ENLARGE}
    assert stages - VIEWS.keys() == {DOUBT, JUDGE}


def test_the_page_has_words_for_every_stage() -> None:
    words = (ROOT / "app" / "static" / "stages.js").read_text()
    assert [name for name in (BEGIN, *(stage.name for stage in VIEWS)) if f'"{name}": [' not in words] == []


def test_looking_changes_no_frame() -> None:
    for digit in strokes.DIGITS:
        pixels = 255 - strokes.render(digit, size=140)
        looked = seen(pixels)
        assert np.array_equal(looked.pixels, normalise(pixels, PREPARATION).pixels)
        assert np.array_equal(looked.pixels, last_picture(looked))


def test_what_else_a_picture_may_be_has_a_way_of_its_own() -> None:
    frame = seen(broken(8))
    assert frame.others
    assert "taking all parts for one digit" not in {glimpse.stage for glimpse in frame.glimpses}
    for other in frame.others:
        assert "taking all parts for one digit" in {glimpse.stage for glimpse in other.glimpses}
        assert np.array_equal(other.pixels, last_picture(other))


def test_who_does_not_look_pays_nothing() -> None:
    pixels = 255 - strokes.render(3, size=140)
    plain, looking = Budget(1.0), Budget(1.0)
    assert normalise(pixels, PREPARATION, plain).glimpses == ()
    glimpses = normalise(pixels, PREPARATION, looking, Trail.begin(pixels)).glimpses
    assert plain.left - looking.left > 0.4e-3 * len(glimpses)
