"""What was read before: kept in the browser, found again, and opened anew."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.page.test_after import CONTEXTS, answered, label
from tests.page.window import draw, hold, ink_on, opened, read_as, scribble, wait_for


@CONTEXTS
def test_the_history_shows_what_was_read_and_brings_it_back(
    browser: Browser, service: str, context: dict[str, Any]
) -> None:
    with opened(browser, service, **context) as page:
        past = page.locator("#past li")
        answered(page, 4)
        expect(past).to_have_count(1)
        page.locator("#clear").click()
        answered(page, 7)
        ink = ink_on(page)
        expect(past.locator(".read")).to_have_text(["7", "4"])
        page.reload()
        expect(past.locator(".read")).to_have_text(["7", "4"])
        past.first.scroll_into_view_if_needed()
        expect(past.first.locator("canvas")).to_have_js_property("width", 112)
        past.first.get_by_role("button").click()
        expect(read_as(page)).to_have_text("7")
        assert ink_on(page) == ink
        page.locator("#undo").click()  # strokes came back as strokes
        assert ink_on(page) == 0
        expect(past).to_have_count(2)
        page.get_by_role("button", name="Forget all").click()
        expect(page.locator("#history")).to_be_hidden()
        page.reload()
        answered(page, 1)
        expect(past).to_have_count(1)


def test_who_opens_what_was_read_by_keyboard_stays_there(page: Page) -> None:
    for digit in (4, 7):
        answered(page, digit)
        page.locator("#clear").click()
    earlier = page.locator("#past button").last
    earlier.evaluate("button => (button.dataset.before = '')")
    earlier.focus()
    page.keyboard.press("Enter")
    expect(read_as(page)).to_have_text("4")
    expect(page.locator("[data-before]")).to_have_count(0)  # it was made anew
    expect(earlier).to_be_focused()


def test_what_comes_late_is_no_answer_to_what_was_opened_meanwhile(page: Page) -> None:
    answered(page, 4)
    page.locator("#clear").click()
    held = hold(page)
    draw(page, 7)
    wait_for(page, held, 1)
    page.locator("#past button").click()
    wait_for(page, held, 2)
    held[0].continue_()
    page.wait_for_timeout(300)
    expect(read_as(page)).to_be_empty()
    expect(page.locator("#past .read")).to_have_text(["4"])
    page.unroute_all()
    expect(read_as(page)).to_have_text("4")


def test_what_is_drawn_on_after_a_label_is_another_picture(page: Page) -> None:
    answered(page, 1)
    label(page, 7)
    scribble(page)
    expect(page.locator("#headline")).to_have_text("No digit")
    expect(page.locator("#labelled-as")).to_be_empty()
    expect(page.locator("#past .read")).to_have_text(["?", "7"])


def test_what_is_kept_is_there_after_the_page_is_left_at_once(page: Page) -> None:
    page.evaluate(
        """async () => {
            const { keep } = await import("/static/kept.js");
            const picture = new Blob([new Uint8Array(500)], { type: "image/png" });
            const entry = () => ({ mode: "digit", picture, label: "1", read: "1", model: {} });
            for (let count = 0; count < 50; count++) await keep(entry());
        }"""
    )
    page.reload()
    expect(page.locator("#labelled")).to_have_text("Download what was labelled (50)")


def test_a_hundred_are_kept_and_what_is_labelled_beside_them(page: Page) -> None:
    counts = page.evaluate(
        """async () => {
            const { all, keep } = await import("/static/kept.js");
            const entry = (id, more) => ({ id, picture: new Blob(["1"]), model: {}, ...more });
            for (let id = 1; id <= 130; id++) await keep(entry(id, id <= 10 ? { label: "1" } : {}));
            const ids = (await all()).map(({ id }) => id);
            for (let id = 201; id <= 270; id++) await keep(entry(id, { picture: new Blob([new Uint8Array(2 ** 20)]) }));
            const bytes = (await all()).reduce((sum, { picture }) => sum + picture.size, 0);
            return { ids, bytes, labelled: (await all()).filter(({ label }) => label).length };
        }"""
    )
    assert counts["ids"] == [*range(1, 11), *range(31, 131)]
    assert counts["bytes"] <= 64 * 2**20
    assert counts["labelled"] == 10


def test_without_a_database_the_page_keeps_what_it_can(browser: Browser, service: str) -> None:
    with opened(browser, service) as page:
        page.add_init_script("Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no') } })")
        page.reload()
        answered(page, 4)
        label(page, 9)
        expect(page.locator("#past .read")).to_have_text(["9"])
