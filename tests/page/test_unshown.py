"""Pictures that the service reads and this browser cannot show, or that none can read: labelled, shared, downloaded."""

import csv
import io
import struct
import zipfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.imaging.documents import PHOTO
from tests.page.test_after import answered, downloaded
from tests.page.test_many import LETTER, PILE
from tests.page.test_pictures import photo_of
from tests.page.window import choose_mode, draw, hand_over, opened, read_as

HEAVY = PHOTO + struct.pack(">I4s", 300_008, b"free") + bytes(300_000)  # than is kept where it cannot be made smaller


def rows_of(path: Path) -> list[list[str]]:
    """Of the archive's table: file, label, read, decision, model, version."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return list(csv.reader(io.StringIO(file.read("labels.csv").decode())))[1:]


def test_what_was_labelled_without_having_been_read_is_downloaded(page: Page, tmp_path: Path) -> None:
    choose_mode(page, "many")
    page.locator("#files").set_input_files([LETTER, PILE[1]])
    expect(page.locator("#progress")).to_have_text("2 pictures read")
    page.locator("#tiles button").first.click()
    page.keyboard.press("5")
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    choose_mode(page, "digit")
    failed, read = rows_of(downloaded(page, "Download what was labelled (2)", tmp_path))
    assert failed[1:] == ["5", "", "reject", "", ""]
    assert read[1:5] == ["1", "1", "accept", "digits"]


def test_a_label_on_what_cannot_be_opened_breaks_nothing(page: Page) -> None:
    hand_over(page, "drop", "broken.zip", "application/zip", b"no archive")
    page.locator("#tiles button").click()
    page.keyboard.press("5")
    page.keyboard.press("Escape")
    expect(page.locator("#tiles .what")).to_have_text(["5 and not nothing"])
    expect(page.locator("#labelled")).to_be_hidden()


def test_a_number_that_cannot_be_cut_is_put_in_whole(page: Page, tmp_path: Path) -> None:
    choose_mode(page, "number")
    hand_over(page, "drop", "seven.heic", "image/heic", PHOTO)
    expect(page.locator("#numbers .text")).to_have_text("7")
    page.get_by_role("button", name="That was right").click()
    hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(2, 0, 6))
    expect(page.locator("#numbers .text")).to_have_text("206")
    page.get_by_role("button", name="That was right").click()
    rows = rows_of(downloaded(page, "Download what was labelled (2)", tmp_path))
    assert [(name.split("/")[0], label) for name, label, *_ in rows] == [
        ("numbers", "7"),
        ("numbers", "206"),
        ("2", "2"),
        ("0", "0"),
        ("6", "6"),
    ]


def test_where_the_download_fails_that_is_said(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        page.route("**/labelled.js", lambda route: route.abort())
        answered(page, 4)
        page.get_by_role("button", name="That was right").click()
        page.get_by_role("button", name="Download what was labelled (1)").click()
        expect(page.locator("#problem")).to_have_text(
            "What was labelled could not be packed. Load the page again, and try once more."
        )


def test_what_can_neither_be_shown_nor_kept_is_not_labelled_and_is_shared(page: Page, tmp_path: Path) -> None:
    page.add_init_script("delete Navigator.prototype.canShare")
    page.reload()
    hand_over(page, "drop", "seven.heic", "image/heic", HEAVY)
    expect(read_as(page)).to_have_text("7")
    expect(page.get_by_role("button", name="That was right")).to_be_hidden()
    expect(page.get_by_role("button", name="That was wrong")).to_be_hidden()
    assert downloaded(page, "Share", tmp_path).stat().st_size > 1000
    page.locator("#clear").click()
    answered(page, 4)
    page.get_by_role("button", name="That was right").click()
    expect(page.locator("#labelled-as")).to_have_text("Kept as 4, in this browser only.")
    expect(page.locator("#past .read")).to_have_text(["4"])


def test_pictures_that_were_decoded_are_let_go(page: Page, tmp_path: Path) -> None:
    """But for the few pixels that the model saw."""
    page.add_init_script(
        """
        const [decode, close] = [createImageBitmap, ImageBitmap.prototype.close];
        window.decoded = new Set();
        window.createImageBitmap = async (...of) => {
            const bitmap = await decode(...of);
            decoded.add(bitmap);
            return bitmap;
        };
        ImageBitmap.prototype.close = function () {
            decoded.delete(this);
            close.call(this);
        };
        delete Navigator.prototype.canShare;
        """
    )
    page.reload()
    choose_mode(page, "number")
    draw(page, 2)
    expect(page.locator("#said")).to_contain_text("Read as 2")
    hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(2, 0, 6))
    expect(page.locator("#numbers .text")).to_have_text("206")
    page.get_by_role("button", name="That was right").click()
    downloaded(page, "Download what was labelled (1)", tmp_path)
    downloaded(page, "Share", tmp_path)
    page.wait_for_function("[...decoded].every(({ width }) => width <= 28)")
