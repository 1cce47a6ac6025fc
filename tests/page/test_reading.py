"""What the page says of an answer: what was read, how far to trust it and why, and no two things that disagree."""

import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.imaging.verdicts import ADVICE
from app.tasks.digits.decisions import DECISIONS
from tests.page.window import (
    PHONE,
    choose_mode,
    draw,
    draw_line,
    hand_over,
    hold,
    opened,
    read_as,
    scribble,
    wait_for,
)
from tests.pictures import encoded, one_colour_png

SURE = re.compile(r"\d % sure")
FOR_PROGRAMMERS = re.compile(r"Content-Type|/v1/|b'|\b4\d\d\b|retry-after|json|null|undefined|NaN", re.IGNORECASE)
CONTEXTS = pytest.mark.parametrize("context", [{}, PHONE], ids=["desktop", "phone"])


@CONTEXTS
def test_under_a_scribble_no_digit_stands(browser: Browser, service: str, context: dict[str, Any]) -> None:
    with opened(browser, service, **context) as page:
        scribble(page)
        headline, digit = page.locator("#headline"), read_as(page)
        expect(headline).to_have_text("No digit")
        expect(page.locator("#decision")).to_have_text(
            re.compile(r"^It does not look like a digit from 0 to 9; the nearest guess, \d, is not to be trusted\.$")
        )
        expect(page.get_by_role("main")).not_to_contain_text(SURE)
        expect(page.locator("#bars")).not_to_be_visible()
        expect(page.locator("#said")).to_have_text(re.compile("^No digit\\. "))
        large, small = (one.evaluate("it => it.getBoundingClientRect()") for one in (headline, digit))
        assert large["left"] < small["left"], "it is said first"
        assert large["width"] > 2 * small["width"], "and large"
        grey = page.evaluate("getComputedStyle(document.querySelector('#lead')).color")
        expect(digit).to_have_css("color", grey)


def test_a_half_drawn_digit_is_called_nothing_yet(page: Page) -> None:
    """Of a stroke that is not ended, no more is said than what it looks like."""
    box = page.locator("#paper").bounding_box()
    assert box
    far = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in ((0.1, 0.1), (0.9, 0.2), (0.1, 0.8))]
    with page.expect_response("**/v1/predict*") as answered:
        draw_line(page, [*far, *far])
    read_as(page).filter(has_text=re.compile(r"\d")).wait_for()
    expect(page.locator("#headline")).to_be_empty()
    assert answered.value.ok
    page.mouse.up()


@pytest.mark.parametrize("mode", ["digit", "number"])
def test_blank_paper_is_an_answer(browser: Browser, service: str, mode: str) -> None:
    with opened(browser, service, refusals=True) as page:
        choose_mode(page, mode)
        hand_over(page, "drop", "blank.png", "image/png", one_colour_png(300, 200))
        headline = page.locator(".headline:visible")
        expect(headline).to_have_text("Nothing written" if mode == "digit" else "No number was found")
        expect(page.locator("#problem")).to_be_hidden()
        expect(page.get_by_role("main")).not_to_contain_text(SURE)
        expect(page.locator("#said")).to_contain_text("Nothing stands out from the paper.")
        expect(page.locator("#after")).to_be_hidden()


def test_every_answer_is_said_without_contradiction(page: Page) -> None:
    for decision, verdict in product(DECISIONS, [*ADVICE, None, "of_a_later_version"]):
        said = page.evaluate(
            'async (answer) => { const { ofDigit } = await import("/static/reading.js"); return ofDigit(answer) }',
            answer_of(decision, verdict),
        )
        of = f"{decision}, {verdict}: {said}"
        assert bool(said["headline"]) == (decision == "reject"), of
        assert re.search("nearest guess, 0, is not" if decision == "reject" else "^Read as 0, ", said["sentence"]), of
        assert said["sentence"].count(".") - said["sentence"].count("20.0 %") == 1, of
        assert not FOR_PROGRAMMERS.search(" ".join(said.values())), of
        assert ("may also be 1, at 20.0 %" in said["sentence"]) == (
            decision != "accept" and verdict not in ADVICE.keys() - {"ok"}
        ), of


def answer_of(decision: str, verdict: str | None) -> dict[str, Any]:
    answer = {"digit": 0, "confidence": 0.7, "decision": decision, "probabilities": [0.7, 0.2, *[0.0125] * 8]}
    if verdict is None:
        return answer
    return answer | {"input": {"verdict": verdict, "advice": ADVICE.get(verdict, "Do it otherwise."), "steps": []}}


def test_a_number_that_is_rejected_is_no_answer(page: Page) -> None:
    choose_mode(page, "number")
    page.route("**/v1/read", rejected)
    draw(page, 2, 0, 7)
    expect(page.locator("#said")).to_contain_text("the nearest guess, 207, is not to be trusted.")
    expect(page.locator("#numbers .headline")).to_have_text("Unclear")
    expect(page.locator("#numbers .text")).to_have_text("207")
    expect(page.get_by_role("main")).not_to_contain_text(SURE)
    page.unroute_all(behavior="wait")


def rejected(route: Route) -> None:
    response = route.fetch()
    answer = response.json()
    route.fulfill(
        response=response, json=answer | {"numbers": [number | {"decision": "reject"} for number in answer["numbers"]]}
    )


def test_an_answer_whose_timing_was_lost_on_the_way_is_shown(page: Page) -> None:
    """Some proxies take headers away that they do not know."""
    page.route("**/v1/**", lambda route: route.fulfill(json=route.fetch().json()))
    draw(page, 1)
    expect(page.locator("#said")).to_contain_text("Read as 1")
    expect(page.locator("#total")).to_be_hidden()
    expect(read_as(page)).to_have_text("1")
    page.unroute_all(behavior="wait")


def test_a_sign_shows_where_an_answer_takes_long(page: Page) -> None:
    held = hold(page)
    draw(page, 1)
    wait_for(page, held, 1)
    expect(page.locator("#busy")).to_be_visible()
    held[0].continue_()
    expect(read_as(page)).to_have_text("1")
    page.unroute_all()
    expect(page.locator("#busy")).to_be_hidden()


def test_the_sign_waits_for_200_ms(page: Page) -> None:
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(60_000)  # no time passes but by the test's hand
    held = hold(page)
    draw(page, 1)
    wait_for(page, held, 1)
    page.clock.run_for(199)
    expect(page.locator("#busy")).to_be_hidden()
    page.clock.run_for(2)
    expect(page.locator("#busy")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("letter.png", "image/png", b"Dear Sir"),
        ("letter.txt", "text/plain", b"Dear Sir"),
        ("cut.png", "image/png", encoded(np.full((50, 50), 255, np.uint8))[:60]),
    ],
    ids=["none", "text", "cut"],
)
def test_what_is_refused_is_said_in_words_for_people(
    browser: Browser, service: str, name: str, kind: str, data: bytes
) -> None:
    with opened(browser, service, refusals=True) as page:
        hand_over(page, "drop", name, kind, data)
        expect(page.locator("#problem")).to_have_text(re.compile(r"^This is no picture.* Choose a"))
        expect(page.locator("#problem")).not_to_have_text(FOR_PROGRAMMERS)
