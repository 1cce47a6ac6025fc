"""What can be done with an answer: copy, share, label it, and find it again."""

import csv
import io
import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from tests.page.test_pictures import photo_of
from tests.page.window import (
    EXAMPLES,
    PHONE,
    choose_mode,
    draw,
    hand_over,
    ink_on,
    opened,
    read_as,
)
from training import own_images
from training.constants import PREPARATION
from training.errors import ImagesError

CONTEXTS = pytest.mark.parametrize("context", [{}, PHONE], ids=["desktop", "phone"])
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def answered(page: Page, digit: int) -> None:
    draw(page, digit)
    expect(page.locator("#said")).to_contain_text(f"Read as {digit}")


def label(page: Page, digit: int) -> None:
    page.get_by_role("button", name="That was wrong").click()
    page.locator("#ten").get_by_role("button", name=str(digit)).click()
    expect(page.locator("#labelled-as")).to_have_text(f"Kept as {digit}, in this browser only.")


def downloaded(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@CONTEXTS
def test_an_answer_is_copied_in_three_ways(
    browser: Browser, service: str, context: dict[str, Any], tmp_path: Path
) -> None:
    with opened(browser, service, permissions=CLIPBOARD, **context) as page:
        answered(page, 6)

        def copy(what: str) -> str:
            button = page.get_by_role("button", name=what, exact=True)
            button.click()
            expect(page.locator(f"[data-copy={what.lower()}]")).to_have_text("Copied")
            text: str = page.evaluate("navigator.clipboard.readText()")
            return text

        assert copy("text") == "6"
        said = json.loads(copy("JSON"))
        assert (said["digit"], said["decision"]) == (6, "accept")
        assert said.keys() == {"digit", "confidence", "decision", "probabilities", "energy", "model", "input"}
        shell = subprocess.run(["bash", "-c", copy("curl")], cwd=tmp_path, capture_output=True, timeout=20, check=True)
        assert json.loads(shell.stdout)["probabilities"] == said["probabilities"]


def test_a_button_that_is_pressed_twice_has_its_name_again(browser: Browser, service: str) -> None:
    with opened(browser, service, permissions=CLIPBOARD) as page:
        answered(page, 6)
        button = page.locator("[data-copy=text]")
        button.click()
        expect(button).to_have_text("Copied")
        button.click()
        page.wait_for_timeout(2500)
        expect(button).to_have_text("text")


def test_copying_works_where_the_browser_gives_no_clipboard(browser: Browser, service: str) -> None:
    """As it gives none to a page without HTTPS that comes from another machine."""
    with opened(browser, service, permissions=CLIPBOARD) as page:
        page.add_init_script("delete Navigator.prototype.clipboard")
        page.reload()
        answered(page, 3)
        page.get_by_role("button", name="text", exact=True).click()
        expect(page.locator("[data-copy=text]")).to_have_text("Copied")
        page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), { id: 'pasted' }))")
        page.locator("#pasted").press("Control+v")
        expect(page.locator("#pasted")).to_have_value("3")


@CONTEXTS
def test_what_was_labelled_comes_as_a_zip_that_finetuning_takes(
    browser: Browser, service: str, context: dict[str, Any], tmp_path: Path
) -> None:
    with opened(browser, service, **context) as page:
        answered(page, 4)
        label(page, 9)
        page.locator("#clear").click()
        answered(page, 7)
        page.get_by_role("button", name="That was right").click()
        expect(page.get_by_role("button", name="That was right")).to_have_attribute("aria-pressed", "true")
        page.locator("#file").set_input_files(EXAMPLES[5])
        expect(read_as(page)).to_have_text("5")
        label(page, 3)
        page.locator("#clear").click()
        answered(page, 1)  # and is not labelled
        page.reload()  # what is kept outlives the page
        path = downloaded(page, "Download what was labelled (3)", tmp_path)
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        rows = list(csv.DictReader(io.StringIO(file.read("labels.csv").decode())))
        frames = {name: file.read(name) for name in file.namelist() if name != "labels.csv"}
    assert [(row["label"], row["read"], row["decision"]) for row in rows] == [
        ("9", "4", "accept"),
        ("7", "7", "accept"),
        ("3", "5", "accept"),
    ]
    assert list(frames) == [row["file"] for row in rows]
    assert frames[rows[2]["file"]] == EXAMPLES[5].read_bytes()
    with pytest.raises(ImagesError, match=r"there are only 0 of 0, .*1 of 3, .*1 of 7, 0 of 8, 1 of 9$"):
        own_images.read(path)  # it found each where it looks


def test_the_reader_of_finetuning_takes_the_whole_zip(page: Page, tmp_path: Path) -> None:
    """Five of each digit, as it wants them at least: put into the browser as the page puts them."""
    page.evaluate(
        """async (examples) => {
            const { keep } = await import("/static/kept.js");
            for (const { label, bytes } of examples) {
                const picture = new Blob([Uint8Array.from(bytes)], { type: "image/png" });
                const model = { name: "digits", version: "1" };
                await keep({ mode: "digit", picture, label, read: "", decision: "reject", model, strokes: null });
            }
        }""",
        [{"label": path.stem, "bytes": list(turned)} for path in EXAMPLES for turned in five_ways(path)],
    )
    page.reload()
    path = downloaded(page, "Download what was labelled (50)", tmp_path)
    own = own_images.read(path)
    assert own.left_out == []
    assert np.bincount([*own.train.labels, *own.held_out.labels]).tolist() == [5] * 10
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    assert own_images.read(tmp_path / "unpacked").sha256 == own.sha256


def five_ways(path: Path) -> list[bytes]:
    files = [io.BytesIO() for _ in range(5)]
    for file, angle in zip(files, range(-10, 15, 5), strict=True):
        Image.open(path).rotate(angle, fillcolor=255).save(file, "PNG")
    return [file.getvalue() for file in files]


@CONTEXTS
def test_a_number_is_corrected_in_a_box_and_cut_into_its_digits(
    browser: Browser, service: str, client: httpx.Client, context: dict[str, Any], tmp_path: Path
) -> None:
    with opened(browser, service, **context) as page:
        choose_mode(page, "number")
        hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(2, 0, 6))
        expect(page.locator("#numbers .text")).to_have_text("206")
        page.get_by_role("button", name="That was wrong").click()
        field = page.get_by_label("What is written there?")
        expect(field).to_be_focused()
        expect(field).to_have_value("206")
        field.fill("no digit")
        page.keyboard.press("Enter")
        expect(page.locator("#labelled-as")).to_be_empty()
        field.fill("208")
        page.keyboard.press("Enter")
        expect(page.locator("#labelled-as")).to_contain_text("Kept as 208")
        path = downloaded(page, "Download what was labelled (1)", tmp_path)
    with zipfile.ZipFile(path) as file:
        folders = {name.split("/")[0]: file.read(name) for name in file.namelist() if "/" in name}
    assert sorted(folders) == ["0", "2", "8", "numbers"]
    for digit, read in (("2", 2), ("0", 0), ("8", 6)):  # each is the picture of what was read there
        frame = normalise(decode(open_image(folders[digit], max_pixels=1_000_000)), PREPARATION).pixels
        raw = client.post("/v1/predict", content=frame.tobytes(), headers={"Content-Type": "application/octet-stream"})
        assert raw.json()["digit"] == read


def test_an_undone_clearing_brings_the_drawing_back(page: Page) -> None:
    answered(page, 8)
    ink = ink_on(page)
    page.locator("#clear").click()
    page.locator("#undo").click()
    assert ink_on(page) == ink
    expect(read_as(page)).to_have_text("8")


@CONTEXTS
def test_the_answer_is_shared_as_a_picture(
    browser: Browser, service: str, context: dict[str, Any], tmp_path: Path
) -> None:
    with opened(browser, service, **context) as page:
        page.add_init_script("delete Navigator.prototype.canShare")
        page.reload()
        answered(page, 4)
        picture = np.asarray(Image.open(downloaded(page, "Share", tmp_path)).convert("L")).astype(int)
        height, width = picture.shape
        assert (width, height) == (960, 540)
        paper, saw = picture[70:470, 40:440], picture[360:500, 480:620]
        assert (paper < 50).sum() > 2000, "the drawing"
        seen = page.locator("#seen").evaluate(
            "seen => [...seen.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, at) => at % 4 === 0)"
        )
        np.testing.assert_allclose(saw[2::5, 2::5], np.reshape(seen, (28, 28)), atol=2)
        assert (picture[40:180, 480:600] < 50).sum() > 300, "what it was read as"


def test_a_phone_hands_it_to_another_program(browser: Browser, service: str) -> None:
    with opened(browser, service, **PHONE) as page:
        page.add_init_script(
            """Object.assign(Navigator.prototype, { canShare: () => true, share: async ({ files: [file], text }) => {
                document.body.shared = [file.name, file.type];
                document.body.dataset.text = text;
            } })"""
        )
        page.reload()
        answered(page, 4)
        page.get_by_role("button", name="Share").click()
        expect(page.locator("body")).to_have_js_property("shared", ["digitserve.png", "image/png"])
        expect(page.locator("body")).to_have_attribute("data-text", re.compile("^Read as 4, "))
