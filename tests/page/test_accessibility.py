"""The page for those who use a keyboard, a screen reader or other colours."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.page.window import EXAMPLES, PHONE, choose_mode, draw, hand_over, opened, read_as, scribble

GRAVE = {"serious", "critical"}


@pytest.mark.parametrize(
    "context", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"]
)
def test_axe_finds_nothing_serious_in_any_view(browser: Browser, service: str, context: dict[str, Any]) -> None:
    with opened(browser, service, refusals=True, reduced_motion="reduce", **context) as page:
        found = {view: grave_findings(page) for view in views(page)}
    assert {view: findings for view, findings in found.items() if findings} == {}


def views(page: Page) -> Iterator[str]:
    """Each view of the page, when it is there."""
    yield "empty"
    draw(page, 5)
    expect(read_as(page)).to_have_text("5")
    page.get_by_role("button", name="Why?").click()
    page.locator("#code summary").click()
    expect(page.locator("#runner-up")).to_be_visible()
    yield "digit"
    page.get_by_role("button", name="That was wrong").click()
    yield "keys"
    page.locator("#ten").get_by_role("button", name="5").click()
    scribble(page)
    expect(page.locator("#headline")).to_have_text("No digit")
    yield "no digit"
    page.locator("#file").set_input_files(EXAMPLES[3])
    expect(read_as(page)).to_have_text("3")
    yield "picture"
    choose_mode(page, "number")
    expect(page.locator("#numbers .text")).to_have_text("3")
    page.get_by_role("button", name="That was wrong").click()
    page.locator("#stage").click()
    expect(page.locator("#over")).to_be_visible()
    yield "number"
    page.get_by_role("button", name="About the model").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield "card"
    page.keyboard.press("Escape")
    hand_over(page, "drop", "letter.png", "image/png", b"Dear Sir")
    expect(page.locator("#problem")).to_be_visible()
    yield "problem"
    choose_mode(page, "many")
    page.locator("#files").set_input_files(EXAMPLES[:4])
    expect(page.locator("#progress")).to_have_text("4 pictures read")
    yield "many"
    page.locator("#tiles button").first.click()
    expect(page.locator("#viewer .viewer-said canvas")).to_be_visible()
    yield "viewer"
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Whole numbers").check()
    expect(page.locator("#progress")).to_have_text("4 pictures read")
    page.locator("#tiles button").first.click()
    yield "viewer of numbers"
    page.keyboard.press("Escape")
    page.route("**/v1/**", lambda route: route.fulfill(status=401, json={"detail": "send an API key"}))
    page.locator("#files").set_input_files(EXAMPLES[4:5])
    expect(page.get_by_role("dialog", name="API key")).to_be_visible()
    yield "key"


def grave_findings(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {node['html']}"
        for finding in violations
        if finding["impact"] in GRAVE
        for node in finding["nodes"]
    ]


def test_axe_would_find_something(page: Page) -> None:
    page.evaluate("document.querySelector('#lead').style.color = '#ccc'")
    assert any(finding.startswith("color-contrast") for finding in grave_findings(page))


def test_a_keyboard_is_enough(page: Page) -> None:
    tab_to(page, "Digit")
    tab_to(page, "Paper")
    expect(page.get_by_text("Arrow keys move the pen")).to_have_css("opacity", "1")
    press(page, "ArrowDown", "Space", *["ArrowUp"] * 15, "Space")
    expect(read_as(page)).to_have_text("1")
    tab_to(page, "Clear")
    press(page, "Enter")
    expect(read_as(page)).to_be_empty()
    expect(page.locator("#paper")).to_be_focused()  # and not lost with the button that went out of use
    with page.expect_file_chooser() as chooser:
        tab_to(page, "Choose a picture")
        press(page, "Enter")
    chooser.value.set_files(EXAMPLES[4])
    expect(read_as(page)).to_have_text("4")
    tab_to(page, "That was wrong")
    press(page, "Enter")
    expect(page.locator("#ten").get_by_role("button", name="0")).to_be_focused()
    tab_to(page, "9")
    press(page, "Space")
    expect(page.locator("#labelled-as")).to_contain_text("Kept as 9")
    expect(page.get_by_role("button", name="That was wrong")).to_be_focused()
    tab_to(page, "Why?")
    press(page, "Enter")
    expect(page.locator("#heat")).to_be_visible()
    tab_to(page, "Do the same from a program")
    press(page, "Enter")
    tab_to(page, "curl")
    press(page, "ArrowRight")
    expect(page.locator("#example")).to_contain_text("digitserve_client")
    tab_to(page, "About the model")
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    tab_to(page, "Digit")
    press(page, "ArrowRight")
    expect(page.get_by_role("heading", name="Write a number")).to_be_visible()
    expect(page.locator("#numbers .text")).to_have_text("4")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is so named has the focus, which must be seen."""
    script = """() => { const at = document.activeElement;
        return at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent; }"""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(script).strip() == name:
            break
    else:
        raise AssertionError(f"no Tab leads to {name!r}")
    outline = """() => [document.activeElement, document.activeElement.closest("label")]
        .some((it) => it && getComputedStyle(it).outlineStyle === "solid")"""
    assert page.evaluate(outline), f"the focus on {name!r} is not seen"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_answer_is_said_once_it_stands(page: Page) -> None:
    draw(page, 8)
    expect(page.get_by_role("status").first).to_have_text(re.compile(r"^Read as 8, .*\. \d+\.\d % sure\.$"))
