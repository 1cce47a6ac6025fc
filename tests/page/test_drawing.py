"""Digits drawn on the page, and read by the real service as they are drawn."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.window import (
    PHONE,
    choose_mode,
    draw,
    draw_by_touch,
    draw_line,
    hold,
    ink_on,
    lines_on,
    opened,
    questions,
    read_as,
    wait_for,
)


@pytest.mark.parametrize("digit", range(10))
def test_a_drawn_digit_is_read(page: Page, digit: int) -> None:
    draw(page, digit)
    expect(read_as(page)).to_have_text(str(digit))


def test_a_digit_is_read_before_its_stroke_ends(page: Page) -> None:
    draw_line(page, lines_on(page, [2])[0])
    expect(read_as(page)).to_have_text("2")
    expect(page.locator("#said")).to_be_empty()  # a screen reader hears of what is finished alone
    page.mouse.up()
    expect(page.locator("#said")).to_have_text(re.compile("^Read as 2, "))


def test_one_question_is_out_at_a_time_and_the_last_is_of_all_that_is_drawn(page: Page) -> None:
    held = hold(page)
    draw(page, 4)
    wait_for(page, held, 1)
    page.wait_for_timeout(300)
    assert len(held) == 1
    held[0].continue_()
    wait_for(page, held, 2)
    held[1].continue_()
    expect(page.locator("#said")).to_have_text(re.compile("^Read as 4, "))
    assert len(held) == 2


def test_the_answer_is_shown_in_full(page: Page) -> None:
    draw(page, 3)
    expect(read_as(page)).to_have_text("3")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^\d+\.\d % sure$"))
    expect(page.locator("#reading")).to_have_attribute("data-decision", "accept")
    expect(page.locator("#decision")).to_have_text(
        "Read as 3, and clear enough to use as it is: no other digit comes near."
    )
    expect(page.locator("#headline")).to_be_empty()
    expect(page.locator("#bars li")).to_have_count(10)
    expect(page.locator("#bars li.top .label")).to_have_text("3")
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", "ok")
    expect(page.locator("#seen")).to_be_visible()
    assert page.locator("#seen").evaluate("seen => [seen.width, seen.height]") == [28, 28]
    expect(page.locator("#steps")).to_contain_text("scaled → centred")


def test_where_the_time_went_is_a_bar_with_a_legend(page: Page) -> None:
    draw(page, 1)
    expect(page.locator("#said")).to_contain_text("Read as 1")
    stages = ["read", "decode", "normalise", "queue", "infer", "encode"]
    expect(page.locator("#stage-names li")).to_have_text([re.compile(rf"^{stage} \d+\.\d$") for stage in stages])
    expect(page.locator("#total")).to_have_text(re.compile(r"^\d+\.\d ms in the service$"))
    shares = page.locator("#stages span").evaluate_all("parts => parts.map(part => part.clientWidth)")
    whole = page.locator("#stages").evaluate("bar => bar.clientWidth")
    assert len(shares) == len(stages)
    assert whole * 0.95 < sum(shares) <= whole


def test_why_shows_what_speaks_for_the_digit_and_for_the_runner_up(page: Page) -> None:
    draw(page, 5)
    expect(read_as(page)).to_have_text("5")
    expect(page.locator("#heat")).to_be_hidden()
    with page.expect_response("**/v1/explain") as response:
        page.get_by_role("button", name="Why?").click()
    second = response.value.json()["explanation"]["runner_up"]["digit"]
    expect(page.get_by_role("img", name="What speaks for 5")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(rf"^What .* {second}, the runner-up at"))).to_be_visible()
    colours = """canvas => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value, at) => at % 4 === 0 && value > data[at + 2] + 50); }"""
    for which in ("#heat", "#runner-up"):  # of a digit that nothing speaks for, what speaks against it least
        assert page.locator(which).evaluate(colours), f"{which} has nothing red"
    page.get_by_role("button", name="Why?").click()
    expect(page.locator("#heat")).to_be_hidden()


def test_a_drawing_is_the_same_on_every_screen(browser: Browser, service: str) -> None:
    def sent(**context: object) -> bytes | None:
        with opened(browser, service, viewport={"width": 1000, "height": 800}, **context) as page:
            asked = questions(page)
            draw(page, 1)
            expect(page.locator("#said")).to_have_text(re.compile("^Read as 1, "))
            assert asked[-1].headers["content-type"] == "image/png"
            return asked[-1].post_data_buffer

    drawing = sent(color_scheme="light")
    assert drawing is not None
    assert drawing == sent(color_scheme="dark", device_scale_factor=2)


@pytest.mark.parametrize("how", ["button", "escape"])
def test_clear_leaves_a_blank_page(page: Page, how: str) -> None:
    draw(page, 8)
    expect(read_as(page)).to_have_text("8")
    assert ink_on(page) > 0
    page.locator("#clear").click() if how == "button" else page.keyboard.press("Escape")
    expect(read_as(page)).to_be_empty()
    expect(page.locator("#bars li.top")).to_have_count(0)
    expect(page.locator("#seen")).to_be_hidden()
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#clear")).to_be_disabled()
    assert ink_on(page) == 0


@pytest.mark.parametrize("how", ["button", "keys"])
def test_undo_takes_the_last_stroke_back(page: Page, how: str) -> None:
    first, *others = lines_on(page, [5])
    draw_line(page, first)
    page.mouse.up()
    ink = ink_on(page)
    for line in others:
        draw_line(page, line)
        page.mouse.up()
    draw_line(page, [(x, y + 30) for x, y in first])
    page.mouse.up()
    for _ in range(len(others) + 1):
        page.locator("#undo").click() if how == "button" else page.keyboard.press("Control+z")
    assert ink_on(page) == ink
    page.keyboard.press("Control+z")
    assert ink_on(page) == 0
    expect(page.locator("#undo")).to_be_disabled()
    expect(read_as(page)).to_be_empty()


def test_keys_in_a_text_field_are_its_own(page: Page) -> None:
    choose_mode(page, "number")
    draw(page, 2)
    expect(page.locator("#said")).to_contain_text("Read as 2")
    page.get_by_role("button", name="That was wrong").click()
    field = page.get_by_label("What is written there?")
    field.press_sequentially("31")
    ink = ink_on(page)
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    assert ink_on(page) == ink
    expect(field).to_be_focused()


def test_a_blank_page_and_a_dot_ask_nothing(page: Page) -> None:
    asked = questions(page)
    page.locator("#paper").click()
    assert ink_on(page) > 0
    page.keyboard.press("Escape")
    page.locator("#paper").hover()
    page.mouse.down()
    page.keyboard.press("Escape")  # in the middle of a stroke
    page.mouse.move(0, 0)
    page.mouse.up()
    page.locator("[name=mode][value=number]").check()
    page.wait_for_timeout(300)
    assert [request.url for request in asked] == []
    assert ink_on(page) == 0


def test_an_answer_to_what_was_cleared_is_discarded(page: Page) -> None:
    held = hold(page)
    draw(page, 1)
    wait_for(page, held, 1)
    page.keyboard.press("Escape")
    draw(page, 7)
    wait_for(page, held, 2)
    held[0].continue_()
    page.wait_for_timeout(200)
    expect(read_as(page)).to_be_empty()
    page.unroute_all()  # lets the held ones go too
    expect(read_as(page)).to_have_text("7")


def test_a_phone_draws_by_touch_and_shows_all(browser: Browser, service: str) -> None:
    with opened(browser, service, **PHONE) as page:
        draw_by_touch(page, 2)
        expect(read_as(page)).to_have_text("2")
        expect(page.locator("#seen")).to_be_visible()
        assert page.evaluate("scrollY") == 0
        page.locator("#code summary").click()
        page.get_by_role("button", name="Why?").click()
        expect(page.locator("#runner-up")).to_be_visible()
        for mode in ("digit", "number", "many"):
            page.locator(f"[name=mode][value={mode}]").check()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
