"""The view of the service at /#service: that it agrees with /metrics, asks for it only when seen, and can be used.

The browser's clock stands still and is moved by hand, so that two looks are exactly two seconds apart.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Response, Route, expect
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Process, Serve
from tests.page.test_accessibility import press, tab_to
from tests.page.window import EXAMPLES, PHONE, draw, opened, read_as, wait_for

PACE = 2.0  # seconds between two looks
SINGLE = {"route": "/v1/predict"}
NONE = "\N{EN DASH}"
PNG = {"Content-Type": "image/png"}

Look = dict[str, Any]  # what /metrics said, by name and labels


@contextmanager
def watched(browser: Browser, service: str, **context: Any) -> Iterator[tuple[Page, list[Look]]]:
    """The view of a service, and all looks that it takes: the first is there."""
    with opened(browser, service, **context) as page:
        page.clock.install()
        page.clock.pause_at(page.evaluate("Date.now() + 1000"))
        looks: list[Look] = []
        page.on("response", lambda response: looks.append(parsed(response)) if is_look(response) else None)
        page.route("**/metrics", later, times=1)
        page.get_by_role("link", name="Service").click()
        wait_for(page, looks, 1)
        expect(page.locator("#service-state")).to_have_text("Live.")
        yield page, looks


def later(route: Route) -> None:
    """The page's own files have been asked for just before, and what is counted is seen 50 ms later."""
    time.sleep(0.2)
    route.continue_()


def is_look(response: Response) -> bool:
    return response.url.endswith("/metrics") and response.ok


def parsed(response: Response) -> Look:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text())
        for sample in family.samples
    }


def look_again(page: Page, looks: list[Look]) -> None:
    count = len(looks)
    page.clock.run_for(PACE * 1e3)
    wait_for(page, looks, count + 1)
    page.evaluate("0")  # what the answer does to the page has been done


def grown(looks: list[Look], name: str, **labels: str) -> float:
    """Between the last two looks, over all series with these labels."""
    return total(looks[-1], name, **labels) - total(looks[-2], name, **labels)


def total(look: Look, name: str, **labels: str) -> float:
    return sum(value for series, value in look.items() if series[0] == name and set(labels.items()) <= set(series[1:]))


def figure(page: Page, title: str) -> Locator:
    return page.locator("#service dl > div", has=page.locator("dt", has_text=re.compile(f"^{title}"))).locator(".value")


def shown(page: Page, title: str) -> float:
    return float(figure(page, title).inner_text().replace(",", ""))


def read(client: httpx.Client, times: int) -> None:
    for place in range(times):
        client.post("/v1/predict", content=EXAMPLES[place % 10].read_bytes(), headers=PNG).raise_for_status()


def test_it_agrees_with_the_metrics_and_rates_fall_to_0(browser: Browser, serve: Serve) -> None:
    with serve(golden_seconds=0.2) as client, watched(browser, str(client.base_url)) as (page, looks):
        expect(figure(page, "Requests a second")).to_have_text(NONE)  # of one look there is no rate
        read(client, 14)
        client.post("/v1/predict", content=b"no picture", headers=PNG)
        client.post("/v1/read", content=EXAMPLES[3].read_bytes(), headers=PNG).raise_for_status()
        page.wait_for_timeout(300)  # what is counted is seen 50 ms later, and known digits have been asked
        places = boxes(page)
        look_again(page, looks)
        expect(figure(page, "Requests a second")).to_have_text("8")
        expect(page.get_by_text("0.500 refused, 0 failed")).to_be_visible()
        for percent in (50, 99):
            expected = quantile(percent / 100, looks, "digitserve_request_seconds", SINGLE)
            assert shown(page, f"Single digits, p{percent}") == pytest.approx(1e3 * expected, rel=0.01)
        for stage in ("decode", "infer"):
            mean = grown(looks, "digitserve_stage_seconds_sum", stage=stage) / grown(
                looks, "digitserve_stage_seconds_count", stage=stage
            )
            assert shown(page, stage) == pytest.approx(1e3 * mean, rel=0.01)
        assert shown(page, "Batch size") == pytest.approx(
            grown(looks, "digitserve_run_images_sum") / grown(looks, "digitserve_run_images_count"), rel=0.01
        )
        for title, name, unit in (
            ("Memory", "digitserve_worker_memory_bytes", 1e6),
            ("Event loop late, longest", "digitserve_event_loop_longest_lag_seconds", 1e-3),
            ("Workers begun", "digitserve_worker_starts_total", 1),
            ("Images waiting", "digitserve_queue_images", 1),
            ("Live models", "digitserve_model_info", 1),
        ):
            assert shown(page, title) == pytest.approx(total(looks[-1], name) / unit, rel=0.01), title
        asked = total(looks[-1], "digitserve_golden_digits_total")
        assert asked > 0
        expect(page.get_by_text(f"of {asked:,.0f} asked", exact=True)).to_be_visible()
        assert shown(page, "Known digits") == 100
        slowest = page.locator("#service dl > div", has_text="Slowest route")
        expect(slowest.locator(".note")).to_contain_text(re.compile(r"^/v1/(predict|read), p50 "))
        accepted = page.get_by_role("row", name="digits/3").get_by_role("cell").first.locator(".value")
        images = grown(looks, "digitserve_images_total", model="digits", decision="accept")
        assert images >= 10
        assert float(accepted.inner_text()) == images / PACE
        assert boxes(page) == places  # nothing has moved for the numbers
        look_again(page, looks)
        expect(figure(page, "Requests a second")).to_have_text("0")
        expect(accepted).to_have_text("0")
        expect(page.locator("#service dl svg").first.locator("path")).to_have_attribute(
            "d", re.compile(r"^M\S+ 0.0h0L")
        )


def boxes(page: Page) -> list[list[float]]:
    script = "all => all.map(it => it.getBoundingClientRect()).map(({x, y, width, height}) => [x, y, width, height])"
    found: list[list[float]] = page.locator("#service :is(section, dl > div, tr)").evaluate_all(script)
    return found


def quantile(share: float, looks: list[Look], name: str, labels: dict[str, str]) -> float:
    """By numpy.interp over the cumulative counts, from 0: the same as Prometheus' below the last bound."""
    bounds = sorted({dict(series[1:])["le"] for series in looks[-1] if series[0] == f"{name}_bucket"}, key=float)
    counts = [grown(looks, f"{name}_bucket", **labels, le=le) for le in bounds]
    return float(np.interp(share * counts[-1], [0, *counts[:-1]], [0, *map(float, bounds[:-1])]))


def test_nothing_is_asked_while_it_is_not_seen(browser: Browser, service: str) -> None:
    with opened(browser, service) as page:
        parts = {*(f"/static/{name}" for name in ("service.js", "service.css", "metrics.js", "line.js")), "/metrics"}
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(service)))
        page.clock.install()
        draw(page, 6)
        expect(read_as(page)).to_have_text("6")
        page.clock.run_for(10_000)
        assert not parts & set(asked)  # nor is the view itself fetched
        page.get_by_role("link", name="Service").click()
        expect(page.locator("#service-state")).to_have_text("Live.")
        assert parts <= set(asked)
        for unseen, seen in (
            (lambda: see(page, "hidden"), lambda: see(page, "visible")),
            (lambda: page.get_by_role("link", name="Back").click(), lambda: page.go_back()),
        ):
            unseen()
            page.wait_for_timeout(100)
            asked.clear()
            page.clock.run_for(10_000)
            assert asked == []
            seen()
            wait_for(page, asked, 1)
        page.get_by_role("link", name="Back").click()
        expect(page.get_by_role("heading", name="Write a digit")).to_be_visible()
        expect(read_as(page)).to_have_text("6")  # as it was left


def see(page: Page, state: str) -> None:
    """Playwright's windows count as visible, whatever is done with them."""
    page.evaluate(f"""() => {{
        Object.defineProperty(document, "visibilityState", {{ value: "{state}", configurable: true }});
        document.dispatchEvent(new Event("visibilitychange"));
    }}""")


def test_a_key_that_may_read_metrics_is_asked_for(browser: Browser, serve: Serve) -> None:
    keys = [{"key": "one-that-may-predict", "rights": ["predict"]}, {"key": "one-that-may-look", "rights": ["metrics"]}]
    with serve(api_keys=keys) as client, opened(browser, str(client.base_url), refusals=True) as page:
        page.goto(f"{client.base_url}/#service")
        asked = page.get_by_role("dialog", name="API key")
        asked.get_by_role("button", name="Go on without").click()
        state = page.locator("#service-state")
        expect(state).to_contain_text(re.compile("key", re.IGNORECASE))
        page.get_by_role("button", name="Look again").click()
        for key, sentence in (
            ("one-that-may-predict", "The service wants one."),
            ("one-that-may-look", "That key does not open it."),
        ):
            expect(asked).to_contain_text(sentence)
            asked.get_by_label("Key").fill(key)
            page.keyboard.press("Enter")
        expect(state).to_have_text("Live.")
        expect(page.get_by_role("button", name="Look again")).to_be_hidden()
        expect(figure(page, "Live models")).to_have_text("3")


def test_a_service_that_cannot_be_reached_is_said_once_and_found_again(browser: Browser, service: str) -> None:
    with watched(browser, service, refusals=True) as (page, looks):
        lost: list[Any] = []
        page.on("requestfailed", lambda request: lost.append(request))
        page.evaluate("""() => { window.said = 0;
            new MutationObserver(() => window.said++).observe(
                document.getElementById("service-state"), { childList: true, characterData: true, subtree: true }) }""")
        page.route("**/metrics", lambda route: route.abort())
        for count in (1, 2):
            page.clock.run_for(PACE * 1e3)
            wait_for(page, lost, count)
        expect(page.locator("#service-state")).to_have_text("The service cannot be reached. Looking again…")
        assert page.evaluate("window.said") == 1
        page.unroute_all()
        look_again(page, looks)
        expect(page.locator("#service-state")).to_have_text("Live.")


def test_instances_behind_a_balancer_are_told_apart(
    browser: Browser, serve: Serve, process: Callable[..., Process]
) -> None:
    other = process()
    other.wait_until_ready()
    with serve() as client, watched(browser, str(client.base_url)) as (page, looks):
        in_turn = cycle([other.url, str(client.base_url)])
        page.route("**/metrics", lambda route: route.fulfill(response=route.fetch(url=f"{next(in_turn)}/metrics")))
        read(client, 12)
        look_again(page, looks)
        expect(page.locator("#service-state")).to_have_text("Live. 2 instances answer in turn, each for itself.")
        expect(figure(page, "Requests a second")).to_have_text(NONE)
        page.wait_for_timeout(100)  # what is counted is seen 50 ms later
        look_again(page, looks)
        expect(figure(page, "Requests a second")).to_have_text("3")  # 12 in the 4 s since the last look at this one
        look_again(page, looks)
        expect(figure(page, "Requests a second")).to_have_text("0")
        other.end()
        page.unroute_all()
        for _ in range(6):
            look_again(page, looks)
        expect(page.locator("#service-state")).to_have_text("Live.")


@pytest.mark.parametrize("context", [{"color_scheme": "dark"}, PHONE], ids=["dark", "phone"])
def test_axe_finds_nothing_and_it_fits(browser: Browser, service: str, context: dict[str, Any]) -> None:
    with opened(browser, service, refusals=True, **context) as page:  # axe needs a clock that goes
        page.goto(f"{service}/#service")
        expect(page.locator("#service-state")).to_have_text("Live.")
        assert findings(page) == []
        page.route("**/metrics", lambda route: route.fulfill(status=404, json={"detail": "there is no such path"}))
        expect(page.get_by_role("button", name="Look again")).to_be_visible()
        expect(page.locator("#service-state")).to_have_text("There is no such path.")
        assert findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def findings(page: Page) -> list[str]:
    """Grave or not."""
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in Axe().run(page).response["violations"]]


def test_a_keyboard_is_enough(browser: Browser, service: str) -> None:
    with opened(browser, service) as page:
        tab_to(page, "Service")
        press(page, "Enter")
        expect(page.get_by_role("heading", name="Service", exact=True)).to_be_focused()
        expect(page).to_have_title("Service · digitserve")
        tab_to(page, "Back to the paper")
        press(page, "Enter")
        expect(page.get_by_role("link", name="Service")).to_be_focused()
        expect(page).to_have_title("digitserve")


def test_growth_and_quantiles(page: Page) -> None:
    before, now = exposed([0.3] * 9, other=5), exposed([0.3] * 9 + [0.02, 0.02, 0.3, 7.0], other=11)
    script = """async ([before, now]) => {
        const { growth, only, parse, quantile, sum } = await import("/static/metrics.js");
        const samples = growth(parse(before), parse(now));
        return { labels: only(samples, "things_total").map(({ labels }) => labels.name),
            things: sum(only(samples, "things_total")),
            quantiles: [0.25, 0.75, 0.99].map((share) => quantile(share, samples, "seconds", {})),
            none: Number.isNaN(quantile(0.5, [], "seconds", {})) } }"""
    assert page.evaluate(script, [before, now]) == {
        "labels": [ODD],
        "things": 6,
        "quantiles": pytest.approx([0.05, 0.5, 0.5]),  # above the last bound it is that bound
        "none": True,
    }


ODD = 'a "name"\\n, with\nall {that}'


def exposed(seconds: list[float], other: int) -> str:
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "", buckets=(0.1, 0.5), registry=registry)
    for each in seconds:
        histogram.observe(each)
    Counter("things", "", ["name"], registry=registry).labels(ODD).inc(other)
    return generate_latest(registry).decode()
