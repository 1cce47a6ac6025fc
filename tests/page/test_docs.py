"""/docs in a real browser: Swagger UI draws and asks under its policy; and what a foreign page can send."""

import httpx
from playwright.sync_api import Browser, expect

from tests.page.window import opened


def test_the_documentation_works_under_its_policy(browser: Browser, service: str) -> None:
    """`opened` fails where the console tells of anything that the policy refused."""
    with opened(browser, service) as page:
        page.goto(f"{service}/docs")
        expect(page.get_by_role("heading", name="digitserve")).to_be_visible()
        page.locator("#operations-system-live_health_live_get button").first.click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table")).to_contain_text('"status": "live"')
        page.locator("#operations-predict-single_v1_predict_post button").first.click()
        expect(page.locator("#operations-predict-single_v1_predict_post")).to_contain_text("application/x-npy")


def test_no_website_can_send_a_form_through_a_visitor(browser: Browser, service: str) -> None:
    form = f'<form method="post" enctype="text/plain" action="{service}/v1/predict"><button>Win!</button></form>'
    with browser.new_context() as window:
        page = window.new_page()
        page.route("http://foreign.example/", lambda route: route.fulfill(body=form, content_type="text/html"))
        page.goto("http://foreign.example/")
        with page.expect_response(f"{service}/v1/predict") as answered:
            page.get_by_role("button").click()
        assert answered.value.status == httpx.codes.FORBIDDEN
        assert "another website" in answered.value.text()
