"""Many pictures at once: where they come from, the table of their answers, and what a person makes of it."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.conftest import Serve
from tests.page.window import EXAMPLES, choose_mode, hand_over, opened, questions

PILE = [
    {"name": f"{copy}-{path.name}", "mimeType": "image/png", "buffer": path.read_bytes()}
    for copy in range(4)
    for path in EXAMPLES
]
LETTER = {"name": '=1+1,"letter".png', "mimeType": "image/png", "buffer": b"Dear Sir"}


def test_a_pile_is_read_in_parts_and_comes_as_a_table(page: Page) -> None:
    asked = batches(page)
    page.locator("#file").set_input_files([*PILE, LETTER])  # several at once need no choice of what to read
    expect(page.locator("[name=mode][value=many]")).to_be_checked()
    expect(page.locator("#progress")).to_have_text("41 pictures read")
    assert len(asked) == 2
    expect(page.locator("#tiles .what b")).to_have_text([str(digit) for _ in range(4) for digit in range(10)])
    assert page.locator("#tiles canvas").first.evaluate("canvas => canvas.width") > 1
    rows = table(page)
    assert [row["digit"] for row in rows] == [str(digit) for _ in range(4) for digit in range(10)] + [""]
    assert rows[3] | {"confidence": ""} == {
        "file": "0-3.png",
        "digit": "3",
        "confidence": "",
        "decision": "accept",
        "checked": "",
        "reason": "",
        "otherwise": "",
        "verdict": "ok",
        "error": "",
    }
    assert float(rows[3]["confidence"]) > 0.9
    assert rows[40]["file"] == '\'=1+1,"letter".png'  # no formula for a spreadsheet
    assert rows[40]["error"].startswith("This is no picture")
    pictures = saved(page, "Download JSON")["pictures"]
    assert (pictures[40]["file"], pictures[40]["kind"]) == (LETTER["name"], "failed")
    assert [picture["digit"] for picture in pictures[:10]] == list("0123456789")


def test_a_pile_is_sifted_by_decision_and_cleared(page: Page) -> None:
    choose_mode(page, "many")
    page.locator("#files").set_input_files([*PILE[:3], LETTER])
    expect(page.locator("#progress")).to_have_text("4 pictures read")
    expect(page.locator("#tiles li")).to_have_count(4)
    expect(page.get_by_role("radio", name="Review")).to_be_hidden()  # there is none of it
    page.get_by_role("radio", name="Failed").check()
    expect(page.locator("#tiles .reason")).to_contain_text(["This is no picture"])
    page.get_by_role("radio", name="Accept").check()
    expect(page.locator("#tiles li")).to_have_count(3)
    page.locator("#empty").click()
    expect(page.locator("#tiles li")).to_have_count(0)
    expect(page.locator("#pile")).to_be_hidden()
    page.locator("#files").set_input_files(EXAMPLES[5:6])
    expect(page.locator("#tiles .what b")).to_have_text(["5"])
    page.locator("#files").set_input_files(EXAMPLES[5:7])  # one of them is there
    expect(page.locator("#tiles .what b")).to_have_text(["5", "6"])


def test_a_pile_is_put_in_order_by_how_sure_the_answers_are(page: Page) -> None:
    choose_mode(page, "many")
    page.locator("#files").set_input_files(PILE[:10])
    expect(page.locator("#progress")).to_have_text("10 pictures read")
    sure = {row["digit"]: float(row["confidence"]) for row in table(page)}
    page.locator("#order").select_option("Least sure first")
    expect(page.locator("#tiles .what b")).to_have_text(sorted(sure, key=lambda digit: sure[digit]))
    page.locator("#order").select_option("By what was read")
    expect(page.locator("#tiles .what b")).to_have_text(list("0123456789"))


def test_a_pile_goes_on_where_the_service_was_lost(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        choose_mode(page, "many")
        expect(page.locator("#tray")).to_be_visible()
        page.context.set_offline(True)
        page.locator("#files").set_input_files(PILE[:2])
        expect(page.locator("#pile-problem")).to_have_text("The service cannot be reached. Trying again…")
        page.context.set_offline(False)
        expect(page.locator("#progress")).to_have_text("2 pictures read")
        expect(page.locator("#pile-problem")).to_be_hidden()


def test_a_question_that_is_too_much_is_asked_in_halves(browser: Browser, service: str) -> None:
    """Until the picture is found that is to blame: it alone has the error."""
    with opened(browser, service, refusals=True) as page:
        asked = batches(page)
        spoilt = PILE[6]["name"]

        def refuse(route: Any) -> None:
            if spoilt.encode() in (route.request.post_data_buffer or b""):
                route.fulfill(status=413, json={"detail": "this is too large"})
            else:
                route.continue_()

        page.route("**/v1/predict/batch", refuse)
        choose_mode(page, "many")
        page.locator("#files").set_input_files(PILE[:16])
        expect(page.locator("#progress")).to_have_text("16 pictures read")
        rows = table(page)
        assert [row["file"] for row in rows if row["error"] == "This is too large."] == [spoilt]
        assert [row["digit"] for row in rows if not row["error"]] == [str(each % 10) for each in range(16) if each != 6]
        assert len(asked) < len(rows)  # they are halved, and not asked for one by one


def test_a_service_that_takes_little_is_never_sent_more(browser: Browser, serve: Serve) -> None:
    """Its limits are asked for: nothing is refused, which the console would tell."""
    with serve(max_batch_images=8, max_body_bytes=20_000) as client, opened(browser, str(client.base_url)) as page:
        asked = batches(page)
        choose_mode(page, "many")
        large = {"name": "large.png", "mimeType": "image/png", "buffer": bytes(20_001)}
        page.locator("#files").set_input_files([*PILE[:20], large])
        expect(page.locator("#progress")).to_have_text("21 pictures read")
        expect(page.locator("#tiles .what b")).to_have_text([str(place % 10) for place in range(20)])
        expect(page.locator("#tiles .reason").last).to_have_text(
            "This file is too large: the service takes 0.02 MiB at most."
        )
        assert len(asked) >= 3


def test_a_service_that_refuses_for_good_stops_the_pile(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        page.route("**/v1/**", lambda route: route.fulfill(status=404, json={"detail": "no model is live"}))
        choose_mode(page, "many")
        page.locator("#files").set_input_files(PILE[:3])
        expect(page.locator("#pile-problem")).to_have_text("No model is live.")
        expect(page.locator("#progress")).to_have_text("0 of 3 read, stopped")
        page.unroute_all()
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#progress")).to_have_text("3 pictures read")
        expect(page.locator("#pile-problem")).to_be_hidden()


def test_a_folder_is_dropped_with_an_archive_in_it(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    for digit in (2, 10, 1):
        (folder / f"{digit}.png").write_bytes(EXAMPLES[digit % 10].read_bytes())
    for name in ("notes.txt", ".DS_Store", "Thumbs.db"):
        (folder / name).write_text("no picture")
    with zipfile.ZipFile(folder / "more" / "old.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(EXAMPLES[7], "7.png")
        archive.writestr("__MACOSX/._7.png", "litter")
        archive.write(EXAMPLES[8], "8.png", zipfile.ZIP_STORED)
    drop(page, folder)
    expect(page.locator("#progress")).to_have_text("5 pictures read")
    expect(page.locator("#left-out")).to_have_text("1 file that is no picture was left out.")
    rows = table(page)
    assert [(row["file"], row["digit"]) for row in rows] == [
        ("scans/1.png", "1"),
        ("scans/2.png", "2"),
        ("scans/10.png", "0"),
        ("scans/more/old.zip/7.png", "7"),
        ("scans/more/old.zip/8.png", "8"),
    ]


def drop(page: Page, path: Path) -> None:
    """A folder, as a file manager brings it: no event that a page makes itself can hold one."""
    window = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        window.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 300, "data": data})


def archive_of(*, encrypted: bool = False, cut: int = 0, claimed: int = 0) -> bytes:
    """A ZIP archive of one digit, spoilt in one way: `claimed` bytes it says to unpack to, `cut` bytes are missing."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(EXAMPLES[4], "4.png")
    content = bytearray(file.getvalue())
    listed = content.index(b"PK\x01\x02")
    if encrypted:
        content[listed + 8] |= 1
    if claimed:
        content[listed + 24 : listed + 28] = claimed.to_bytes(4, "little")
    return bytes(content[: len(content) - cut])


def test_what_is_wrong_with_an_archive_is_said(page: Page) -> None:
    archives = {
        "whole.zip": archive_of(),
        "locked.zip": archive_of(encrypted=True),
        "cut.zip": archive_of(cut=10),
        "bomb.zip": archive_of(claimed=1),
        "giant.zip": archive_of(claimed=2**31),
    }
    choose_mode(page, "many")
    page.locator("#files").set_input_files(
        [{"name": name, "mimeType": "application/zip", "buffer": content} for name, content in archives.items()]
    )
    expect(page.locator("#progress")).to_have_text("5 pictures read")
    assert {row["file"]: row["digit"] or row["error"] for row in table(page)} == {
        "whole.zip/4.png": "4",
        "locked.zip/4.png": "This file of the archive needs a password; pack it without.",
        "cut.zip": "This is no ZIP archive, or a broken one; pack it anew.",
        "bomb.zip/4.png": "This file of the archive is broken; pack it anew.",
        "giant.zip/4.png": "This file is too large: the service takes 32 MiB at most.",
    }


def test_a_browser_unpacks_no_giant_for_a_service_that_would_take_it(browser: Browser, serve: Serve) -> None:
    takes = 2**32
    with serve(max_body_bytes=takes, max_held_bytes=takes) as client, opened(browser, str(client.base_url)) as page:
        hand_over(page, "drop", "giant.zip", "application/zip", archive_of(claimed=2**31))
        expect(page.locator("#tiles .reason")).to_have_text("This file of the archive unpacks to more than 64 MiB.")


def test_an_archive_alone_is_a_pile(page: Page) -> None:
    hand_over(page, "drop", "one.zip", "application/zip", archive_of())
    expect(page.locator("#tiles .what b")).to_have_text(["4"])


def test_a_pile_of_numbers(page: Page) -> None:
    choose_mode(page, "many")
    page.locator("#files").set_input_files(EXAMPLES[3:5])
    expect(page.locator("#progress")).to_have_text("2 pictures read")
    page.get_by_role("radio", name="Whole numbers").check()
    expect(page.locator("#tiles .what b")).to_have_text(["3", "4"])
    assert [row["number"] for row in table(page)] == ["3", "4"]
    page.locator("#tiles button").first.click()
    expect(viewer(page).locator("svg rect")).to_have_count(1)
    field = viewer(page).get_by_label("It is")
    field.fill("=31")
    page.keyboard.press("Enter")
    expect(viewer(page)).to_have_accessible_name("4.png")
    page.keyboard.press("Escape")
    assert [row["checked"] for row in table(page)] == ["'=31", ""]
    asked = questions(page)
    page.get_by_role("radio", name="One digit each").check()
    expect(page.locator("#progress")).to_have_text("2 pictures read")
    assert not asked  # what was read before is kept
    assert [row["checked"] for row in table(page)] == ["", ""]


def test_doubtful_ones_are_checked_by_keyboard(page: Page) -> None:
    """The least sure comes first; a digit says what it is, Enter that it was read rightly."""
    page.route("**/v1/predict/batch", doubtful)
    choose_mode(page, "many")
    page.locator("#files").set_input_files(PILE[:5])
    page.get_by_role("button", name="Check 3 in doubt").focus()
    page.keyboard.press("Enter")
    expect(viewer(page)).to_have_accessible_name("0-3.png")
    expect(viewer(page)).to_contain_text("1 of 3")
    page.keyboard.press("7")
    expect(viewer(page).get_by_role("status")).to_have_text("0-3.png: 7, not 3.")
    expect(viewer(page)).to_have_accessible_name("0-2.png")
    page.keyboard.press("ArrowRight")
    expect(viewer(page)).to_have_accessible_name("0-1.png")
    expect(viewer(page)).to_contain_text("it may also be 9, at 30.0 %")
    page.keyboard.press("Enter")
    expect(viewer(page).get_by_role("status")).to_have_text("0-1.png: 1 is right. That was the last.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Check 1 in doubt")).to_be_focused()
    assert [row["checked"] for row in table(page)] == ["", "1", "", "7", ""]
    expect(page.locator("#labelled")).to_have_text("Download what was labelled (2)")  # with those of single pictures
    page.get_by_role("radio", name="Checked").check()
    expect(page.locator("#tiles .what")).to_have_text(["1 is right", "7 and not 3"])
    page.locator("#tiles button").last.click()
    viewer(page).get_by_role("button", name="Take it back").click()
    page.keyboard.press("Escape")
    expect(page.locator("#tiles .what")).to_have_text(["1 is right"])
    expect(page.locator("#labelled")).to_have_text("Download what was labelled (1)")


def doubtful(route: Any) -> None:
    """The service's answer, with doubts about 1, 2 and 3, more of each."""
    answer = route.fetch().json()
    for digit in (1, 2, 3):
        sure = 0.7 - digit / 10
        shares = [0.3 if each == 9 else 0.0 for each in range(10)]
        answer["predictions"][digit] |= {"decision": "review", "confidence": sure, "probabilities": shares}
    route.fulfill(json=answer)


def batches(page: Page) -> list[Request]:
    """The batches that the page will have asked about, as they are asked about."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith("/v1/predict/batch") else None)
    return asked


def viewer(page: Page) -> Locator:
    return page.locator("#viewer")


def table(page: Page) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(downloaded(page, "Download CSV"))))


def saved(page: Page, button: str) -> Any:
    return json.loads(downloaded(page, button))


def downloaded(page: Page, button: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.path().read_text(encoding="utf-8")
