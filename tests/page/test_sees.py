"""How it sees, at /#sees: a digit's way to its answer, and networks that run in the browser."""

import gzip
import re
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.test_accessibility import grave_findings, press, tab_to
from tests.page.window import PHONE, choose_mode, draw, draw_by_touch, hold, opened, questions, read_as, wait_for

MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
NUMBER = rf"[{MINUS}-]?\d+\.\d+"
FIRST_LOAD_BYTES = 150_000  # compressed


def open_view(page: Page) -> Locator:
    page.get_by_role("link", name="How it sees").click()
    expect(page.get_by_role("heading", name="From the picture to the frame")).to_be_visible()
    return page.locator("#sees")


def numbers_in(text: str) -> list[float]:
    return [float(found.replace(MINUS, "-")) for found in re.findall(NUMBER, text)]


@pytest.mark.parametrize(
    "context", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"]
)
def test_the_whole_way_of_a_digit_is_shown(browser: Browser, service: str, context: dict[str, Any]) -> None:
    with opened(browser, service, reduced_motion="reduce", **context) as page:
        asked = questions(page)
        (draw_by_touch if "is_mobile" in context else draw)(page, 5)
        expect(read_as(page)).to_have_text("5")
        view = open_view(page)
        expect(page.locator("#sees-state")).to_have_text(re.compile(r"^Read as 5, \d+\.\d % sure\.$"))
        titles = view.locator(".way h3").all_inner_texts()
        assert (titles[0], titles[-1]) == ("The picture", "The frame")
        assert "looking" not in " ".join(titles + view.locator(".idle").all_inner_texts())  # each has words of its own
        inked = """canvases => canvases.every((one) => new Set(
            one.getContext("2d").getImageData(0, 0, one.width, one.height).data).size > 2)"""
        assert view.locator(".way canvas, #speaks, #speaks-other").evaluate_all(inked)
        assert not [request for request in asked if "layers" in request.url]
        page.get_by_role("button", name="Show what its layers").click()
        maps = view.locator(".layers .maps")
        expect(maps).to_have_count(6)
        assert [maps.nth(place).locator("canvas").count() for place in range(1, 6)] == [12, 24, 48, 48, 64]
        best = "bars => bars.map((bar) => bar.textContent).map((text) => Number(text.slice(1)))"
        scores = view.locator(".scores").first.locator("li").evaluate_all(best)
        assert scores.index(max(scores)) == 5
        view.locator("summary").click()
        assert grave_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_known_digits_are_shown_where_nobody_has_drawn(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 3"))
    expect(page.locator("#sees-yours")).to_be_hidden()
    page.locator("[name=seen-digit][value='8']").check()
    expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 8"))
    page.get_by_role("link", name="Back to the paper").click()
    expect(page.get_by_role("heading", name="Write a digit")).to_be_visible()
    expect(page.get_by_role("link", name="How it sees")).to_be_focused()


def test_a_number_is_not_taken_for_one_digit(page: Page) -> None:
    choose_mode(page, "number")
    draw(page, 4)
    expect(page.locator("#said")).to_contain_text("4")
    page.get_by_role("link", name="How it sees").click()
    expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 3"))
    expect(page.locator("#sees-yours")).to_be_hidden()


def test_one_digit_becomes_another(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    answer, slider = page.locator("#morph-answer b"), page.locator("#morph")
    expect(answer).to_have_text("3")
    page.locator("[name=other][value='1']").check()
    slider.fill("40")
    expect(answer).to_have_text("1")
    slider.focus()
    asked = questions(page)
    press(page, *["ArrowLeft"] * 40)
    expect(answer).to_have_text("3")
    assert 1 <= len(asked) <= 40
    sums = page.locator("#morph-bars li").evaluate_all(
        "bars => bars.map((bar) => Number(bar.style.getPropertyValue('--share')))"
    )
    assert sum(sums) == pytest.approx(1, abs=1e-3)


def test_in_between_one_question_is_out_at_a_time(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    expect(page.locator("#morph-answer b")).to_have_text("3")
    held = hold(page)
    for place in range(1, 20):
        page.locator("#morph").fill(str(place))
    wait_for(page, held, 1)
    page.wait_for_timeout(200)
    assert len(held) == 1
    held[0].continue_()
    wait_for(page, held, 2)  # about where the slider is now
    held[1].continue_()
    page.wait_for_timeout(200)
    assert len(held) == 2


def test_in_between_the_ink_has_moved(page: Page) -> None:
    """Two frames that are faded into each other would have two grey bars."""
    script = """async () => {
        const { morph } = await import("./static/morph.js");
        const isIn = (at, left) => at % 28 >= left && at % 28 < left + 4;
        const bar = (left) => Uint8Array.from({ length: 784 }, (_, at) => (isIn(at, left) ? 255 : 0));
        const between = morph(bar(4), bar(18));
        return [0, 0.5, 1].map((t) => [...between(t).slice(280, 308)]);
    }"""
    first, middle, last = (np.array(row) for row in page.evaluate(script))
    for row, place in ((first, 4), (middle, 11), (last, 18)):
        inside = slice(place - 1, place + 5)
        assert row[inside].sum() > 0.9 * row.sum()
        assert row.max() > 200
    assert middle.sum() == pytest.approx(first.sum(), rel=0.2)


def test_what_the_service_refuses_is_said(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        page.goto(f"{service}/#sees")
        expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 3"))
        refusal = {"status": 400, "json": {"code": "not_shown", "detail": "the model is too large"}}
        page.route("**/v1/explain?include=layers", lambda route: route.fulfill(**refusal))
        page.get_by_role("button", name="Show what its layers").click()
        expect(page.locator("#sees-state")).to_have_text(re.compile("^The layers of this model cannot be shown"))
        dear = {"status": 422, "json": {"code": "too_much_work", "detail": "that would take too long"}}
        page.route("**/v1/explain?include=stages", lambda route: route.fulfill(**dear))
        page.locator("[name=seen-digit][value='4']").check()
        expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 4"))  # without its stages
        expect(page.locator(".way li")).to_have_count(0)


@pytest.mark.parametrize("sizes", [[2, 3, 1], [4, 5, 3, 10]])
def test_gradients_are_what_nudging_finds(page: Page, sizes: list[int]) -> None:
    script = """async (sizes) => {
        const { Network, seeded } = await import("./static/network.js");
        const random = seeded(5);
        const network = new Network(sizes, random);
        const x = Array.from({ length: sizes[0] }, () => 2 * random() - 1);
        const y = Array.from({ length: sizes.at(-1) }, (_, unit) => Number(unit === 0));
        return network.gradients(x, y).flatMap(({ weights, biases }, layer) => weights.flatMap((row, unit) =>
            [...row.keys(), null].map((input) =>
                [input === null ? biases[unit] : row[input], network.nudged(x, y, { layer, unit, input })])));
    }"""
    pairs = page.evaluate(script, sizes)
    assert len(pairs) == sum((before + 1) * after for before, after in pairwise(sizes))
    assert max(abs(found) for found, _ in pairs) > 0.01
    for found, tried in pairs:
        assert found == pytest.approx(tried, abs=1e-8)


def test_a_neuron_adds_up(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    said = page.locator("#sees article").first.locator(".sum")
    expect(said).to_have_text(f"0.40 {TIMES} 0.50 + 0.60 {TIMES} 0.80 + 0.10 = 0.78, through the curve: 0.69")
    page.get_by_label("w2, its weight").fill("-2.5")
    expect(said).to_have_text(
        f"0.40 {TIMES} 0.50 + {MINUS}2.50 {TIMES} 0.80 + 0.10 = {MINUS}1.70, through the curve: 0.15"
    )


def test_a_toy_learns_to_read_this_image(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    state = page.locator("#toy-state")
    expect(state).to_have_text("It has learnt nothing yet: its weights are random.")
    page.get_by_role("button", name="Let it learn").click()
    expect(state).to_have_text(re.compile(r"^20 times through 300 examples"), timeout=30_000)
    right = int(re.findall(r"(\d+) of them right", state.inner_text())[0])
    assert right > 270
    assert "It reads this one as 3" in state.inner_text()
    page.locator("#toy-units button").nth(4).click()
    said = page.locator("#toy-sum").inner_text()
    assert said.startswith("Neuron 5: ")
    *products, rest, bias, z, a = numbers_in(said)
    total = sum(x * weight for x, weight in zip(products[::2], products[1::2], strict=True)) + rest + bias
    assert z == pytest.approx(total, abs=0.05)
    expect(page.locator("#toy-units button").nth(4).locator("span")).to_have_text(f"{a:.2f}".replace("-", MINUS))


def test_backpropagation_learns_who_passes(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    said = page.locator("#sees article").last.locator(".sum")
    expect(said).to_have_text(re.compile("^0 steps"))
    page.get_by_role("button", name="One step").click()
    expect(said).to_have_text(re.compile("^1 steps"))
    page.locator("#sees summary").click()
    rows = page.locator("#sees tbody tr")
    expect(rows).to_have_count(13)
    for row in rows.all_inner_texts():
        slope, nudged = row.split()[-2:]
        assert float(slope) == pytest.approx(float(nudged), abs=2e-5)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(said).to_have_text(re.compile(r"right about 1(1[2-9]|20) of 120"))
    page.get_by_role("button", name="Pause").click()
    stands = said.inner_text()
    page.wait_for_timeout(200)
    expect(said).to_have_text(stands)
    page.get_by_role("button", name="Begin anew").click()
    expect(said).to_have_text(re.compile("^0 steps"))
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("link", name="Back to the paper").click()
    page.go_back()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()  # it stands still


def test_a_keyboard_is_enough(page: Page) -> None:
    page.goto(f"{page.url}#sees")
    expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 3"))
    expect(page.get_by_role("heading", name="How it sees")).to_be_focused()
    tab_to(page, "3")
    press(page, "ArrowRight")
    expect(page.locator("#sees-state")).to_have_text(re.compile("^Read as 4"))
    tab_to(page, "Show what its layers make of it")
    press(page, "Enter")
    expect(page.locator(".scores").first).to_be_visible()
    tab_to(page, "From your digit to the other")
    press(page, "ArrowRight")
    for name in ("Let it learn", "One step"):
        tab_to(page, name)
        press(page, "Enter")
    expect(page.locator("#sees article").last.locator(".sum")).to_have_text(re.compile("^1 steps"))


def test_the_first_load_is_small(browser: Browser, service: str) -> None:
    with opened(browser, service) as page:
        asked: set[str] = set()
        page.on("request", lambda request: asked.add(request.url))
        page.reload(wait_until="networkidle")
    assert f"{service}/static/page.js" in asked
    assert not [url for url in asked if re.search("sees|camera|service|network", url.removeprefix(service))]
    assert sum(len(gzip.compress(httpx.get(url).content)) for url in asked) < FIRST_LOAD_BYTES
