"""What the page does when the service refuses, is overloaded or is gone; and what it knows of the model."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Process, free_port
from tests.page.window import draw, opened, read_as


def test_a_refusal_is_shown_as_its_sentence_and_passes(browser: Browser, service: str) -> None:
    problem = {"status": 422, "content_type": "application/problem+json", "json": {"detail": "send a picture"}}
    with opened(browser, service, refusals=True) as page:
        page.route("**/v1/predict*", lambda route: route.fulfill(**problem))
        draw(page, 1)
        expect(page.locator("#problem")).to_have_text("Send a picture.")
        page.unroute_all()
        page.keyboard.press("Escape")
        expect(page.locator("#problem")).to_be_hidden()
        draw(page, 6)
        expect(read_as(page)).to_have_text("6")


def test_a_key_is_asked_for_once_and_sent_from_then_on(browser: Browser, process: Callable[..., Process]) -> None:
    keys = '[{"key": "one-that-may-predict", "rights": ["predict"]}]'
    service = process(DIGITSERVE_API_KEYS=keys)
    service.wait_until_ready()
    with opened(browser, service.url, refusals=True) as page:
        draw(page, 6)
        asked = page.get_by_role("dialog", name="API key")
        expect(asked).to_be_visible()
        for key, sentence in (
            ("wrong", "The service wants one."),
            ("one-that-may-predict", "That key does not open it."),
        ):
            expect(asked).to_contain_text(sentence)
            asked.get_by_label("Key").fill(key)
            page.keyboard.press("Enter")
        expect(asked).to_be_hidden()
        expect(read_as(page)).to_have_text("6")
        page.reload()
        draw(page, 1)
        expect(read_as(page)).to_have_text("1")


def test_a_browser_that_keeps_nothing_reads_all_the_same(browser: Browser, service: str) -> None:
    with opened(browser, service) as page:
        refuse = "get() { throw new DOMException('no', 'SecurityError') }"
        page.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {{ {refuse} }})")
        page.reload()
        draw(page, 6)
        expect(read_as(page)).to_have_text("6")


def test_who_has_no_key_is_told_so(browser: Browser, service: str) -> None:
    problem = {"status": 401, "content_type": "application/problem+json", "json": {"detail": "send an API key"}}
    with opened(browser, service, refusals=True) as page:
        page.route("**/v1/predict*", lambda route: route.fulfill(**problem))
        draw(page, 1)
        page.get_by_role("button", name="Go on without").click()
        expect(page.locator("#problem")).to_have_text("Send an API key.")


def test_a_busy_service_is_asked_again(browser: Browser, service: str) -> None:
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"detail": "the queue is full"}}
    with opened(browser, service, refusals=True) as page:
        page.route("**/v1/predict*", lambda route: route.fulfill(**busy))
        draw(page, 6)
        expect(page.locator("#problem")).to_have_text("The queue is full. Trying again…")
        page.unroute_all()
        expect(read_as(page)).to_have_text("6")
        expect(page.locator("#problem")).to_be_hidden()


def test_a_service_that_went_down_is_said_and_found_again(browser: Browser) -> None:
    port = free_port()
    first = Process(port)
    try:
        first.wait_until_ready()
        with opened(browser, first.url, refusals=True) as page:
            draw(page, 1)
            expect(read_as(page)).to_have_text("1")
            first.end()
            page.keyboard.press("Escape")
            draw(page, 9)
            expect(page.locator("#problem")).to_have_text("The service cannot be reached. Trying again…")
            second = Process(port)
            try:
                expect(read_as(page)).to_have_text("9")
                expect(page.locator("#problem")).to_be_hidden()
            finally:
                second.end()
    finally:
        first.end()


def test_the_model_card_tells_what_the_manifest_tells(page: Page, client: httpx.Client) -> None:
    manifest = client.get("/v1/models/digits").json()
    page.get_by_role("button", name="About the model").click()
    card = page.get_by_role("dialog", name=f"digits, version {manifest['version']}")
    expect(card).to_be_visible()
    for text in (manifest["intended_use"], manifest["limits"], manifest["model_sha256"]):
        expect(card.get_by_text(text)).to_be_visible()
    metrics = manifest["metrics"]
    for share in (metrics["accuracy"], metrics["expected_calibration_error"]):
        expect(card.locator(".figures").get_by_text(f"{share:.2%}".replace("%", " %"))).to_be_visible()
    expect(card.get_by_role("table", name="Each digit").get_by_role("row")).to_have_count(11)
    diagonal = card.get_by_role("table", name="What is taken for what").locator("tbody tr:nth-child(4) td:nth-child(5)")
    expect(diagonal).to_have_text(str(metrics["confusion_matrix"][3][3]))
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_the_model_that_answered_is_the_one_that_is_told_of(page: Page) -> None:
    other = {"name": "mlp-128-64", "version": "1"}
    page.route("**/v1/predict*", lambda route: route.fulfill(json=route.fetch().json() | {"model": other}))
    draw(page, 1)
    expect(read_as(page)).to_have_text("1")
    page.get_by_role("button", name="About the model").click()
    expect(page.get_by_role("dialog", name="mlp-128-64, version 1")).to_be_visible()
