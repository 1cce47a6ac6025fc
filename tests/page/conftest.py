"""One browser for all tests, and a fresh window for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.page.window import CHROMIUM, FLAGS, PATIENCE_SECONDS, opened

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(scope="package")  # and no longer: while it lives, an event loop does
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, service: str) -> Iterator[Page]:
    with opened(browser, service) as page:
        yield page
