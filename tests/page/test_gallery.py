"""Many pictures at once, and the table of their answers."""

import csv
import io

from playwright.sync_api import Browser, Page, expect

from tests.page.window import EXAMPLES, choose_mode, opened, questions

PILE = [
    {"name": f"{copy}-{path.name}", "mimeType": "image/png", "buffer": path.read_bytes()}
    for copy in range(4)
    for path in EXAMPLES
]
LETTER = {"name": '=1+1,"letter".png', "mimeType": "image/png", "buffer": b"Dear Sir"}


def test_a_pile_is_read_in_parts_and_comes_as_a_table(page: Page) -> None:
    asked = questions(page)
    page.locator("#file").set_input_files([*PILE, LETTER])  # several at once need no choice of what to read
    expect(page.locator("[name=mode][value=many]")).to_be_checked()
    expect(page.locator("#progress")).to_have_text("41 pictures read")
    assert len(asked) == 2
    expect(page.locator("#tiles .what b")).to_have_text([str(digit) for _ in range(4) for digit in range(10)])
    assert page.locator("#tiles canvas").first.evaluate("canvas => canvas.width") > 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["digit"] for row in rows] == [str(digit) for _ in range(4) for digit in range(10)] + [""]
    assert rows[3] | {"confidence": ""} == {
        "file": "0-3.png",
        "digit": "3",
        "confidence": "",
        "decision": "accept",
        "verdict": "ok",
        "error": "",
    }
    assert float(rows[3]["confidence"]) > 0.9
    assert rows[40]["file"] == '\'=1+1,"letter".png'  # no formula for a spreadsheet
    assert "expected image/png" in rows[40]["error"]


def test_a_pile_is_sifted_by_decision_and_cleared(page: Page) -> None:
    choose_mode(page, "many")
    page.locator("#files").set_input_files([*PILE[:3], LETTER])
    expect(page.locator("#progress")).to_have_text("4 pictures read")
    expect(page.locator("#tiles li:visible")).to_have_count(4)
    expect(page.get_by_role("radio", name="Review")).to_be_hidden()  # there is none of it
    page.get_by_role("radio", name="Failed").check()
    expect(page.locator("#tiles li:visible .what")).to_contain_text(["expected image/png"])
    page.get_by_role("radio", name="Accept").check()
    expect(page.locator("#tiles li:visible")).to_have_count(3)
    page.locator("#empty").click()
    expect(page.locator("#tiles li")).to_have_count(0)
    expect(page.locator("#pile")).to_be_hidden()
    page.locator("#files").set_input_files(PILE[5:6])
    expect(page.locator("#tiles .what b")).to_have_text(["5"])
    expect(page.locator("#tiles li:visible")).to_have_count(1)


def test_a_pile_goes_on_where_the_service_was_lost(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        choose_mode(page, "many")
        page.context.set_offline(True)
        page.locator("#files").set_input_files(PILE[:2])
        expect(page.locator("#problem")).to_have_text("The service cannot be reached. Trying again…")
        page.context.set_offline(False)
        expect(page.locator("#progress")).to_have_text("2 pictures read")
        expect(page.locator("#problem")).to_be_hidden()
