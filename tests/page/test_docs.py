"""/docs in a real browser: Swagger UI draws and asks under its policy; and what a foreign page can send."""

import httpx
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.test_accessibility import grave_findings
from tests.page.window import EXAMPLES, opened

TAKE_FILES = ("predict", "predictBatch", "explain", "read")


def test_the_documentation_works_under_its_policy(browser: Browser, service: str) -> None:
    """`opened` fails where the console tells of anything that the policy refused."""
    with opened(browser, service) as page:
        page.goto(f"{service}/docs")
        expect(page.get_by_role("heading", name="digitserve")).to_be_visible()
        page.locator("#operations-system-isLive button").first.click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table")).to_contain_text('"status": "live"')
        page.locator("#operations-predict-predict button").first.click()
        expect(page.locator("#operations-predict-predict")).to_contain_text("application/x-npy")


def test_every_post_can_be_tried_as_it_stands(browser: Browser, service: str) -> None:
    """With a file where one is taken, else with the example that is filled in."""
    with opened(browser, service) as page:
        page.goto(f"{service}/docs")
        for identifier in (*TAKE_FILES, "infer", "listRepository"):
            block = tried(page, identifier)
            block.get_by_role("button", name="Execute").click()
            expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text(
                "200", timeout=20_000
            )
        page.reload()  # Swagger UI would keep the file in place of the example
        for identifier in ("predict", "predictBatch"):
            block = page.locator(f'.opblock[id$="-{identifier}"]')
            block.locator("button").first.click()
            block.get_by_label("Request content type").select_option("application/json")
            block.get_by_role("button", name="Execute").click()
            expect(block.locator(".live-responses-table")).to_contain_text('"digit": 7', timeout=20_000)


def tried(page: Page, identifier: str) -> Locator:
    """An operation's part of the page, opened, with a drawing of a 7 where it takes a file."""
    block = page.locator(f'.opblock[id$="-{identifier}"]')
    block.locator("button").first.click()
    expect(block.get_by_role("button", name="Execute")).to_be_visible()
    if identifier in TAKE_FILES:
        block.locator("input[type=file]").first.set_input_files(EXAMPLES[7])
    return block


def test_a_problem_leads_to_what_it_means(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        problem = page.request.post(f"{service}/v1/predict?modle=1").json()
        page.goto(f"{service}{problem['type']}")
        section = page.locator(f"section#{problem['code']}")
        expect(section).to_contain_text("Unknown query parameter")
        expect(section).to_be_in_viewport()
        assert grave_findings(page) == []


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
