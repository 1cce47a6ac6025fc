"""Pictures that come as files, by drop, from the clipboard or from the camera, and are sent as they are."""

import re

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Response, expect

from app.tasks.digits import strokes
from tests import photographs
from tests.page.window import EXAMPLES, PHONE, choose_mode, draw, hand_over, opened, read_as
from tests.pictures import encoded

SEVEN = EXAMPLES[7]


def photo_of(*digits: int, seed: int = 0) -> bytes:
    masks = [photographs.of_strokes(digit, 3.0, 0.1) for digit in digits]
    return photographs.number(masks, "photo", np.random.default_rng(seed), gap=0.3)


def test_a_chosen_picture_is_read_as_it_is(page: Page, client: httpx.Client) -> None:
    with page.expect_response("**/v1/predict*") as response:
        page.locator("#file").set_input_files({"name": "7.png", "mimeType": "image/png", "buffer": SEVEN.read_bytes()})
    assert_sent_as_it_is(response.value, client)
    expect(read_as(page)).to_have_text("7")
    expect(page.get_by_role("img", name="7.png")).to_be_visible()
    expect(page.locator("#paper")).to_be_hidden()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_dropped_or_pasted_picture_is_read_as_it_is(page: Page, client: httpx.Client, how: str) -> None:
    with page.expect_response("**/v1/predict*") as response:
        hand_over(page, how, "7.png", "image/png", SEVEN.read_bytes())
    assert_sent_as_it_is(response.value, client)
    expect(read_as(page)).to_have_text("7")


def assert_sent_as_it_is(response: Response, client: httpx.Client) -> None:
    """By its answer: a browser does not show the bytes of a file that it has sent."""
    assert response.request.headers["content-type"] == "image/png"
    own = client.post("/v1/predict", content=SEVEN.read_bytes(), headers={"Content-Type": "image/png"})
    assert response.json()["probabilities"] == own.json()["probabilities"]


def test_a_phone_offers_its_camera(browser: Browser, service: str) -> None:
    with opened(browser, service, **PHONE) as page:
        expect(page.get_by_role("button", name="Take a photo")).to_be_visible()
        expect(page.locator("#camera")).to_have_attribute("capture", "environment")
        page.locator("#camera").set_input_files(SEVEN)
        expect(read_as(page)).to_have_text("7")


def test_a_picture_of_no_known_type_is_left_to_the_service(page: Page) -> None:
    hand_over(page, "drop", "seven", "", SEVEN.read_bytes())
    expect(read_as(page)).to_have_text("7")


def test_after_a_picture_the_paper_comes_back(page: Page) -> None:
    page.locator("#file").set_input_files(SEVEN)
    expect(read_as(page)).to_have_text("7")
    page.locator("#clear").click()
    expect(page.locator("#photo")).to_be_hidden()
    draw(page, 2)
    expect(read_as(page)).to_have_text("2")


HOLD_ONE = """() => {
    const decode = createImageBitmap;
    const held = new Promise((done) => (window.release = done));
    window.createImageBitmap = async (picture) => {
        window.createImageBitmap = decode;
        await held;
        return decode(picture);
    };
}"""


@pytest.mark.parametrize("meanwhile", ["another picture", "cleared", "a pile"])
def test_what_is_decoded_late_takes_no_place_of_what_came_meanwhile(page: Page, meanwhile: str) -> None:
    page.evaluate(HOLD_ONE)
    hand_over(page, "drop", "3.png", "image/png", EXAMPLES[3].read_bytes())
    if meanwhile == "another picture":
        hand_over(page, "drop", "7.png", "image/png", SEVEN.read_bytes())
        expect(read_as(page)).to_have_text("7")
    elif meanwhile == "cleared":
        page.keyboard.press("Escape")
    else:
        choose_mode(page, "many")
    page.evaluate("release()")
    page.wait_for_timeout(300)
    if meanwhile == "another picture":
        expect(page.get_by_role("img", name="7.png")).to_be_visible()
        expect(read_as(page)).to_have_text("7")
    elif meanwhile == "cleared":
        expect(page.locator("#photo")).to_be_hidden()
        expect(read_as(page)).to_be_empty()
    else:
        choose_mode(page, "digit")  # it waits there
        expect(read_as(page)).to_have_text("3")


def test_advice_is_shown_and_several_digits_are_read_as_a_number(page: Page) -> None:
    hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(4, 7))
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", "several_digits")
    expect(page.locator("#headline")).to_have_text("Several digits")
    expect(page.locator("#confidence")).to_be_empty()
    page.get_by_role("button", name="Read it as a number").click()
    expect(page.locator("#numbers .text")).to_have_text("47")


def test_a_number_in_a_photo_is_read_with_its_boxes(page: Page) -> None:
    choose_mode(page, "number")
    with page.expect_response("**/v1/read") as response:
        hand_over(page, "drop", "number.jpg", "image/jpeg", photo_of(2, 0, 6))
    number = response.value.json()["numbers"][0]
    expect(page.locator("#numbers .text")).to_have_text("206")
    expect(page.locator("#numbers .sure")).to_have_text(re.compile(r"^\d+\.\d % sure$"))
    others = [other["text"] for other in number["alternatives"] if other["confidence"] >= 0.001]
    expect(page.locator("#numbers .else b")).to_have_text(others)
    expect(page.locator("#boxes text")).to_have_text(["2", "0", "6"])
    assert boxes_on(page) == [digit["box"] for digit in number["digits"]]


def test_boxes_stand_on_the_digits_of_a_photo_that_was_taken_sideways(page: Page) -> None:
    upright = Image.fromarray(np.vstack([255 - strokes.render(3, size=200), np.full((100, 200), 255, np.uint8)]))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    choose_mode(page, "number")
    turned = encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    hand_over(page, "drop", "sideways.jpg", "image/jpeg", turned)
    expect(page.locator("#numbers .text")).to_have_text("3")
    box, photo = (page.locator(which).bounding_box() for which in ("#boxes rect", "#photo"))
    assert box
    assert photo
    height = photo["height"]  # of the stage too, as it takes the photo's shape
    assert abs(box["y"] + box["height"] / 2 - photo["y"] - height / 3) < height / 20
    assert abs(box["x"] + box["width"] / 2 - photo["x"] - photo["width"] / 2) < photo["width"] / 10


def boxes_on(page: Page) -> list[list[float]]:
    script = """boxes => boxes.map(box => ["x", "y", "width", "height"].map(side => Number(box.getAttribute(side))))"""
    boxes: list[list[float]] = page.locator("#boxes rect").evaluate_all(script)
    return boxes


def test_a_drawn_number_is_read_with_its_boxes(page: Page) -> None:
    choose_mode(page, "number")
    draw(page, 2, 0, 7)
    expect(page.locator("#numbers .text")).to_have_text("207")
    expect(page.locator("#boxes rect")).to_have_count(3)
    expect(page.locator("#said")).to_have_text("Read as 207, and clear enough to use as it is.")
    page.keyboard.press("Escape")
    expect(page.locator("#boxes rect")).to_have_count(0)
    expect(page.locator("#numbers")).to_be_empty()


def test_boxes_are_there_again_after_another_view(page: Page) -> None:
    choose_mode(page, "number")
    draw(page, 2, 0, 7)
    boxes = page.locator("#boxes rect")
    expect(boxes).to_have_count(3)
    rounding = boxes.first.get_attribute("rx")
    page.locator("#to-service").click()
    expect(page.locator("#service-title")).to_be_focused()
    page.wait_for_timeout(200)
    page.go_back()
    expect(boxes).to_have_count(3)
    expect(boxes.first).to_have_attribute("rx", rounding or "")


def test_what_is_no_picture_is_said_and_passes(browser: Browser, service: str) -> None:
    with opened(browser, service, refusals=True) as page:
        hand_over(page, "drop", "letter.png", "image/png", b"Dear Sir")
        expect(page.locator("#problem")).to_have_text("This is no picture, or a broken one. Choose another.")
        expect(read_as(page)).to_be_empty()
        expect(page.get_by_text("This browser cannot show the picture.")).to_be_visible()
        expect(page.locator("#photo")).to_be_hidden()
        page.locator("#file").set_input_files(SEVEN)
        expect(read_as(page)).to_have_text("7")
        expect(page.locator("#problem")).to_be_hidden()
