"""A pile beside the rest of the page: what is shown of it while it is read, and what is left when it is gone."""

import re
from typing import Any

from playwright.sync_api import Dialog, Page, Route, expect

from tests.page.test_many import PILE, archive_of, table
from tests.page.window import EXAMPLES, choose_mode, draw, hand_over, hold, read_as, wait_for

SOME = re.compile("^(8|32) of 40 read")  # of the two questions that are out, one is answered


def two_questions_held(page: Page) -> list[Route]:
    """A pile is chosen, the service has told its limits, and no more goes on: the questions about it come second."""
    choose_mode(page, "many")
    held = hold(page)
    page.locator("#files").set_input_files(PILE)
    wait_for(page, held, 1)
    held[0].continue_()
    wait_for(page, held, 3)
    return held


def test_no_two_elements_have_one_name_once_all_views_are_built(page: Page) -> None:
    choose_mode(page, "many")
    expect(page.locator("#tray")).to_be_visible()
    for view in ("service", "sees"):
        page.locator(f"#to-{view}").click()
        expect(page.locator(f"#{view}-title")).to_be_focused()
    ids = page.locator("[id]").evaluate_all("elements => elements.map(({ id }) => id)")
    assert len(ids) > 50
    assert sorted(ids) == sorted(set(ids))


def test_the_bar_moves_and_an_answer_can_be_shared_after_a_pile(page: Page) -> None:
    held = two_questions_held(page)
    bar = page.get_by_role("progressbar", name="Pictures read")
    expect(bar).to_have_js_property("value", 0)
    held[2].continue_()
    expect(page.locator("#progress")).to_have_text(SOME)
    assert bar.evaluate("bar => bar.value") in (8, 32)
    expect(bar).to_have_js_property("max", 40)
    page.unroute_all()
    expect(page.locator("#progress")).to_have_text("40 pictures read")
    expect(bar).to_be_hidden()
    choose_mode(page, "digit")
    draw(page, 4)
    expect(page.get_by_role("button", name="Share")).to_be_visible()


def test_an_answer_that_breaks_off_is_asked_for_again(page: Page) -> None:
    """Of a pile and of a picture: it says no more than that the service cannot be reached."""
    broken: list[str] = []

    def break_off(route: Any) -> None:
        body = route.fetch().body()
        path = route.request.url
        route.fulfill(body=body[: len(body) // 2] if path not in broken else body, content_type="application/json")
        broken.append(path)

    page.route("**/v1/predict*", break_off)
    page.route("**/v1/predict/batch", break_off)
    draw(page, 4)
    expect(page.locator("#problem")).to_have_text("The service cannot be reached. Trying again…")
    expect(read_as(page)).to_have_text("4")
    expect(page.locator("#problem")).to_be_hidden()
    choose_mode(page, "many")
    page.locator("#files").set_input_files(PILE[:3])
    expect(page.locator("#pile-problem")).to_have_text("The service cannot be reached. Trying again…")
    expect(page.locator("#progress")).to_have_text("3 pictures read")


def test_a_tile_keeps_the_keyboard_while_the_pile_is_read(page: Page) -> None:
    held = two_questions_held(page)
    held[1].continue_()
    expect(page.locator("#progress")).to_have_text(SOME)
    page.locator("#order").select_option("By what was read")
    last = page.locator("#tiles button", has_text="2-9.png")
    last.focus()
    page.unroute_all()
    expect(page.locator("#progress")).to_have_text("40 pictures read")
    expect(last).to_be_focused()


def test_who_leaves_a_pile_that_is_not_saved_is_asked(page: Page) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    def read() -> None:
        choose_mode(page, "many")
        page.locator("#files").set_input_files(PILE[:2])
        expect(page.locator("#progress")).to_have_text("2 pictures read")

    page.on("dialog", leave)
    read()
    page.reload()
    assert asked == ["beforeunload"]
    read()
    table(page)
    page.reload()
    read()
    page.locator("#empty").click()
    page.reload()
    assert len(asked) == 1
    read()
    table(page)
    page.locator("#tiles button").first.click()
    page.keyboard.press("7")
    page.keyboard.press("Escape")
    page.reload()
    assert len(asked) == 2


def test_what_was_cleared_does_not_come_back_from_an_archive(page: Page) -> None:
    page.evaluate(
        """() => {
            const read = Blob.prototype.arrayBuffer;
            const held = new Promise((done) => (window.release = done));
            Blob.prototype.arrayBuffer = async function () {
                await held;
                return read.call(this);
            };
        }"""
    )
    choose_mode(page, "many")
    hand_over(page, "drop", "old.zip", "application/zip", archive_of())
    expect(page.locator("#progress")).to_have_text("0 of 0 read, looking for more")
    page.locator("#empty").click()
    expect(page.locator("#pile")).to_be_hidden()
    page.evaluate("release()")
    page.wait_for_timeout(500)
    expect(page.locator("#pile")).to_be_hidden()
    page.locator("#files").set_input_files(EXAMPLES[5])
    expect(page.locator("#progress")).to_have_text("1 picture read")
    expect(page.locator("#tiles .what b")).to_have_text(["5"])
