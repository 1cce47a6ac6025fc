"""Paper and answer on a phone, upright and on its side: both are seen at once, and nothing is cut off."""

from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.page.test_pictures import photo_of
from tests.page.window import PHONE, choose_mode, draw, draw_by_touch, hand_over, opened, read_as, scribble

SMALL = {**PHONE, "viewport": {"width": 360, "height": 560}}  # with a browser's bars and without a keyboard
ON_ITS_SIDE = {**PHONE, "viewport": {"width": 740, "height": 340}}
DESKTOP = {"viewport": {"width": 1280, "height": 720}}
SIZES = pytest.mark.parametrize(
    "context", [PHONE, SMALL, ON_ITS_SIDE, DESKTOP], ids=["phone", "small", "side", "desktop"]
)


def place(of: Locator) -> FloatRect:
    box = of.bounding_box()
    assert box
    return box


def is_seen_whole(page: Page, of: Locator) -> bool:
    box, window = place(of), page.viewport_size
    assert window
    across = box["x"] >= 0 and box["x"] + box["width"] <= window["width"]
    return across and box["y"] >= 0 and box["y"] + box["height"] <= window["height"]


@SIZES
def test_the_answer_stands_above_the_fold_beside_the_paper(
    browser: Browser, service: str, context: dict[str, Any]
) -> None:
    with opened(browser, service, **context) as page:
        empty = place(page.locator("#stage"))
        draw(page, 4)
        expect(read_as(page)).to_have_text("4")
        expect(page.locator("#after")).to_be_visible()
        assert page.evaluate("scrollY") == 0
        assert place(page.locator("#stage")) == empty, "the paper moved under the hand"
        for which in ("#stage", "#digit", "#confidence", "#decision"):
            assert is_seen_whole(page, page.locator(which)), which
        scribble(page)
        expect(page.locator("#headline")).to_have_text("No digit")
        for which in ("#stage", "#headline", "#digit"):
            assert is_seen_whole(page, page.locator(which)), which
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@SIZES
def test_a_number_stands_beside_it_too_with_its_labels(browser: Browser, service: str, context: dict[str, Any]) -> None:
    with opened(browser, service, **context) as page:
        choose_mode(page, "number")
        hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(2, 0, 6))
        expect(page.locator("#numbers .text")).to_have_text("206")
        assert_labelled(page, "206")
        for which in ("#stage", "#numbers .text", "#numbers .sure"):
            assert is_seen_whole(page, page.locator(which)), which


def test_labels_are_there_on_a_phone_that_is_turned(browser: Browser, service: str) -> None:
    with opened(browser, service, **PHONE) as page:
        choose_mode(page, "number")
        draw(page, 2, 0, 7)
        expect(page.locator("#numbers .text")).to_have_text("207")
        for width, height in ((740, 340), (360, 740)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(100)
            assert_labelled(page, "207")


def assert_labelled(page: Page, number: str) -> None:
    """Each digit's label lies on the picture, and is as large as a text that one reads."""
    labels, stage = page.locator("#boxes text"), place(page.locator("#stage"))
    expect(labels).to_have_text(list(number))
    for box in labels.evaluate_all("labels => labels.map((label) => label.getBoundingClientRect().toJSON())"):
        assert 12 <= box["height"] <= 32
        assert stage["y"] - 1 <= box["y"]
        assert box["y"] + box["height"] <= stage["y"] + stage["height"] + 1


@SIZES
def test_nothing_is_told_before_anything_is_drawn(browser: Browser, service: str, context: dict[str, Any]) -> None:
    with opened(browser, service, **context) as page:
        for mode in ("digit", "number"):
            choose_mode(page, mode)
            expect(page.locator("#bars")).not_to_be_visible()
            expect(page.locator("#after")).to_be_hidden()
            tree = page.get_by_role("main").aria_snapshot()
            assert "\N{EN DASH}" not in tree
            assert "listitem" not in tree
            expect(page.locator("#said")).to_be_empty()


def test_who_draws_on_a_picture_is_told_why_nothing_comes_of_it(browser: Browser, service: str) -> None:
    with opened(browser, service, **PHONE) as page:
        draw_by_touch(page, 2)
        expect(read_as(page)).to_have_text("2")
        hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(4, 7))
        expect(page.locator("#photo")).to_be_visible()
        expect(page.locator("#over")).to_be_hidden()
        page.locator("#stage").click(position={"x": 40, "y": 40})
        expect(page.locator("#over")).to_contain_text("A picture lies on the paper.")
        page.get_by_role("button", name="Put it away and draw").click()
        expect(page.locator("#over")).to_be_hidden()
        expect(page.locator("#photo")).to_be_hidden()
        draw_by_touch(page, 7)
        expect(read_as(page)).to_have_text("7")
