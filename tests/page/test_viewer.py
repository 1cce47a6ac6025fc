"""One picture of a pile, large: what is seen beside an answer belongs to it, and what is confirmed was shown."""

from playwright.sync_api import Page, expect

from tests.page.test_many import PILE, table, viewer
from tests.page.window import choose_mode, hold, wait_for


def test_no_other_picture_is_seen_beside_an_answer_and_one_is_decoded_at_a_time(page: Page) -> None:
    choose_mode(page, "many")
    page.locator("#files").set_input_files(PILE[:6])
    expect(page.locator("#progress")).to_have_text("6 pictures read")
    page.locator("#tiles button").first.click()
    picture, seen = viewer(page).locator(".viewer-stage canvas"), viewer(page).locator("figure")
    expect(picture).to_be_visible()
    expect(seen).to_be_visible()
    page.evaluate(
        """() => {
            const decode = createImageBitmap;
            const held = new Promise((done) => (window.release = done));
            window.begun = 0;
            window.createImageBitmap = async (picture) => {
                begun += 1;
                await held;
                return decode(picture);
            };
        }"""
    )
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(viewer(page)).to_have_accessible_name("0-4.png")
    expect(picture).to_be_hidden()
    expect(seen).to_be_hidden()
    page.wait_for_function("begun === 1")
    page.evaluate("release()")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute("aria-label", "0-4.png")
    expect(seen).to_be_visible()
    assert page.evaluate("begun") == 3  # the first, the last, and what the model saw of it


def test_enter_confirms_no_answer_that_was_not_shown(page: Page) -> None:
    choose_mode(page, "many")
    held = hold(page)
    page.locator("#files").set_input_files(PILE[0])
    wait_for(page, held, 1)
    held[0].continue_()  # the service's limits
    page.locator("#tiles button").click()
    expect(viewer(page)).to_contain_text("It has not been read yet.")
    wait_for(page, held, 2)
    page.unroute_all()
    expect(page.locator("#progress")).to_have_text("1 picture read")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert table(page)[0]["checked"] == ""
    page.locator("#tiles button").click()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert table(page)[0]["checked"] == "0"
