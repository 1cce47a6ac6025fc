"""A pile beside the rest of the page: what is shown of it while it is read, and what is left when it is gone."""

from playwright.sync_api import Page, expect

from tests.page.test_many import PILE
from tests.page.window import choose_mode, draw, hold, wait_for


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
    choose_mode(page, "many")
    held = hold(page)
    page.locator("#files").set_input_files(PILE)
    wait_for(page, held, 1)
    held[0].continue_()  # the service's limits
    wait_for(page, held, 3)
    bar = page.get_by_role("progressbar", name="Pictures read")
    expect(bar).to_have_js_property("value", 0)
    held[2].continue_()
    expect(bar).to_have_js_property("value", 8)
    expect(bar).to_have_js_property("max", 40)
    page.unroute_all()
    expect(page.locator("#progress")).to_have_text("40 pictures read")
    expect(bar).to_be_hidden()
    choose_mode(page, "digit")
    draw(page, 4)
    expect(page.get_by_role("button", name="Share")).to_be_visible()
