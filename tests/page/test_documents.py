"""PDFs in a pile: the service answers for each of their pages, and each picture keeps its own answer."""

import io
import zipfile
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.imaging.documents import SCAN
from tests.page.test_many import PILE, batches, saved, table, viewer
from tests.page.window import choose_mode, opened

PDF = {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": SCAN}


def test_a_document_of_two_pages_moves_no_other_answer(page: Page) -> None:
    """Whatever its name and type say, in an archive too."""
    asked = batches(page)
    choose_mode(page, "many")
    expect(page.locator("#files")).to_have_attribute("accept", "image/*,.zip,.pdf")
    page.locator("#files").set_input_files([*PILE[:3], PDF, *PILE[3:6], zipped("scan.png", SCAN)])
    expect(page.locator("#progress")).to_have_text("8 pictures read")
    rows = table(page)
    assert [row["digit"] for row in rows] == ["0", "1", "2", "7 7", "3", "4", "5", "7 7"]
    assert [row["decision"] for row in rows] == ["accept"] * 8
    assert len(asked) == 3
    pages = saved(page, "Download JSON")["pictures"][3]["pages"]
    assert [(each["text"], each["decision"]) for each in pages] == [("7", "accept")] * 2
    assert float(rows[3]["confidence"]) == min(each["confidence"] for each in pages)


def zipped(name: str, content: bytes) -> dict[str, Any]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return {"name": "old.zip", "mimeType": "application/zip", "buffer": file.getvalue()}


def test_a_document_is_no_better_than_its_worst_page(page: Page) -> None:
    def spoil(route: Any) -> None:
        answer = route.fetch().json()
        answer["predictions"][1] = {"error": {"code": "no_ink", "detail": "no ink"}}
        route.fulfill(json=answer)

    page.route("**/v1/predict/batch", spoil)
    choose_mode(page, "many")
    page.locator("#files").set_input_files(PDF)
    expect(page.locator("#tiles .what b")).to_have_text(["7 ?"])
    expect(page.locator("#tiles .reason")).to_have_text(
        "Page 2 of 2: Nothing stands out from the paper. Draw darker, or choose another picture."
    )
    page.get_by_role("button", name="Check 1 in doubt").click()
    viewer(page).get_by_label("It is").fill("7 1")  # in words: no one digit is right for two pages
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert [(row["digit"], row["decision"], row["checked"]) for row in table(page)] == [("7 ?", "reject", "7 1")]
    expect(page.locator("#labelled")).to_be_hidden()  # of one digit


def test_of_a_document_of_numbers_the_first_page_is_read_and_that_is_said(page: Page) -> None:
    choose_mode(page, "many")
    page.get_by_role("radio", name="Whole numbers").check()
    page.locator("#files").set_input_files(PDF)
    expect(page.locator("#tiles .what b")).to_have_text(["7"])
    expect(page.locator("#tiles .reason")).to_contain_text("Only the first of 2 pages was read.")
    assert table(page)[0]["decision"] == "review"


@pytest.mark.parametrize("change", [-1, 1])
def test_answers_that_are_fewer_or_more_than_the_pictures_are_not_paired(
    browser: Browser, service: str, change: int
) -> None:
    """Each picture is asked about alone then."""

    def miscount(route: Any) -> None:
        answer = route.fetch().json()
        predictions = answer["predictions"]
        if len(predictions) > 1:
            answer["predictions"] = predictions[:-1] if change < 0 else [predictions[0], *predictions]
        route.fulfill(json=answer)

    with opened(browser, service) as page:
        page.route("**/v1/predict/batch", miscount)
        choose_mode(page, "many")
        page.locator("#files").set_input_files(PILE[:5])
        expect(page.locator("#progress")).to_have_text("5 pictures read")
        assert [row["digit"] for row in table(page)] == list("01234")
