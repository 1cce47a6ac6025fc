"""The one state, and how stages are run over it."""

import ast
from pathlib import Path

import pytest

from app import imaging
from app.budget import Budget
from app.errors import TooMuchWork
from app.imaging.normalise import FINDING_DIGIT, FINDING_PAPER, LOOK_AT_COLOUR, LOOK_FOR_NARROW_STROKES, MAKING_FRAME
from app.imaging.numbers import FINDING_DIGITS, FINDING_INK, FINDING_WRITING
from app.imaging.picture import Picture, Shades, Stage, by_area, run
from tests.imaging.drawn import paper, picture_of
from training.constants import PREPARATION

MODULES = sorted(Path(next(iter(imaging.__path__))).glob("[!_]*.py"))
STAGES = {
    *FINDING_PAPER,
    *LOOK_FOR_NARROW_STROKES,
    *LOOK_AT_COLOUR,
    *FINDING_DIGIT,
    *MAKING_FRAME,
    *FINDING_INK,
    *FINDING_WRITING,
    *FINDING_DIGITS,
}


def noting(name: str, seconds: float) -> Stage:
    def note(picture: Picture) -> None:
        picture.steps += (name,)

    return Stage(name, lambda _: seconds, note)


def test_stages_are_run_in_order_and_charged_for() -> None:
    picture = picture_of(paper(10))
    run([noting("first", 0.25), noting("second", 0.5)], picture)
    assert picture.steps == ("first", "second")
    assert picture.budget.left == 0.25


def test_what_would_take_too_long_is_not_begun() -> None:
    picture = picture_of(paper(10))
    with pytest.raises(TooMuchWork, match="second would take about 500 ms, and 250 ms are left"):
        run([noting("first", 0.75), noting("second", 0.5)], picture)
    assert picture.steps == ("first",)


def test_a_cost_by_area() -> None:
    assert by_area(1.0, 0.5)(picture_of(paper(4, 6))) == 13.0


def test_what_no_stage_has_found_is_not_there() -> None:
    with pytest.raises(AttributeError):
        _ = Picture(paper(10), PREPARATION, Budget(1.0)).ink


def test_ink_may_be_looked_for_anew() -> None:
    picture = picture_of(
        paper(10), grey=paper(10), channel="", shades=Shades(9, 0, 99, flat=True), is_ink_dark=True, ink=None
    )
    other = picture.before_ink()
    other.steps += ("invert",)
    assert (picture.steps, other.grey is picture.grey, hasattr(other, "ink")) == ((), True, False)
    assert other.budget is picture.budget  # one request pays for both


def test_stages_have_names_of_their_own() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES)


def test_every_module_has_tests_of_its_own() -> None:
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert [path.name for path in MODULES if f"test_{path.name}" not in here] == []


def test_a_stage_is_imported_by_lists_alone() -> None:
    """So that no chain of calls comes back to a module that it has left."""
    stages = {path.stem for path in MODULES if "= Stage(" in path.read_text()}
    functions = {"shrink", "fit", "centre", "height", "doubt", "removal"}  # which others may call, but not as stages
    for path in MODULES:
        if path.stem in {"normalise", "numbers", "trail"}:  # lists of what is done, and of what is shown of it
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.imaging."):
                name = (node.module or "").removeprefix("app.imaging.")
                assert name not in stages - functions, f"{path.name} imports {name}"
