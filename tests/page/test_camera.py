"""The camera, with a number held before it: what Chromium takes for a camera plays a file that is made here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.tasks.digits import strokes
from tests.page.test_accessibility import grave_findings, press, tab_to
from tests.page.test_live import see
from tests.page.window import CHROMIUM, FLAGS, PHONE, choose_mode, hold, opened, questions, read_as, wait_for

WIDTH, HEIGHT, GREY = 640, 480, 128  # of the camera's pictures
# What the page borrows of the camera, kept where a test can see whether it is given back.
TRACKS = """() => {
    window.tracks = [];
    const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await own(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
}"""


def film(path: Path, *digits: int) -> Path:
    """Digits in a row on paper that is not quite white, as a camera's pictures: YUV4MPEG2, 4:2:0."""
    paper = np.full((HEIGHT, WIDTH), 215, np.uint8)
    paper[:40] = 90  # the desk, outside the frame to aim at
    side = 150
    left = (WIDTH - side * len(digits)) // 2
    for place, digit in enumerate(digits):
        part = paper[(HEIGHT - side) // 2 :, left + side * place :][:side, :side]
        part[:] = part - (part - 30.0) * (strokes.render(digit, size=side) / 255)
    colours = np.full(WIDTH * HEIGHT // 2, GREY, np.uint8).tobytes()
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F15:1 Ip A1:1 C420\n".encode()
    path.write_bytes(head + (b"FRAME\n" + paper.tobytes() + colours) * 2)
    return path


@contextmanager
def seeing(browser: Browser, path: Path) -> Iterator[Browser]:
    """A browser whose camera plays a film."""
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    launched = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*FLAGS, *flags, f"--use-file-for-fake-video-capture={path}"]
    )
    try:
        yield launched
    finally:
        launched.close()


@pytest.fixture(scope="module")
def camera(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One that sees 207."""
    with seeing(browser, film(tmp_path_factory.mktemp("camera") / "number.y4m", 2, 0, 7)) as launched:
        yield launched


def open_camera(page: Page) -> Locator:
    page.evaluate(TRACKS)
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("button", name="Take the photo")).to_be_visible()
    return page.get_by_role("dialog")


def is_off(page: Page) -> bool:
    off: bool = page.evaluate("tracks.length > 0 && tracks.every(({ readyState }) => readyState === 'ended')")
    return off


@pytest.mark.parametrize("context", [{}, PHONE], ids=["desktop", "phone"])
def test_a_number_that_is_held_up_is_read_live_and_taken(
    camera: Browser, service: str, context: dict[str, Any]
) -> None:
    with opened(camera, service, **context) as page:
        choose_mode(page, "number")
        dialog = open_camera(page)
        dialog.get_by_role("button", name="Read live").click()
        expect(dialog.locator("#live-reading b")).to_have_text("207")
        expect(dialog.get_by_role("status")).to_have_text("Read as 207.")
        assert not is_off(page)
        assert grave_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        dialog.get_by_role("button", name="Take the photo").click()
        expect(dialog).to_be_hidden()
        expect(page.locator("#numbers .text")).to_have_text("207")
        assert is_off(page)


def test_what_lies_outside_the_frame_is_not_in_the_photo(camera: Browser, service: str) -> None:
    with opened(camera, service) as page:
        dialog = open_camera(page)
        frame, whole = (dialog.locator(at).bounding_box() for at in ("#aim", "#viewfinder"))
        assert frame is not None
        assert whole is not None
        assert frame["width"] == pytest.approx(frame["height"], rel=0.02)
        dialog.get_by_role("button", name="Take the photo").click()
        expect(page.locator("#photo")).to_be_visible()
        size = page.locator("#photo").evaluate("({ width, height }) => [width, height]")
        assert size == pytest.approx([HEIGHT * frame["height"] / whole["height"]] * 2, abs=2)
        expect(page.locator("#seen")).to_be_visible()


def test_one_question_is_out_at_a_time(camera: Browser, service: str) -> None:
    """Thirty frames a second come, and none of them waits for its turn."""
    with opened(camera, service) as page:
        held = hold(page)
        dialog = open_camera(page)
        dialog.get_by_role("button", name="Read live").click()
        wait_for(page, held, 1)
        page.wait_for_timeout(500)
        assert len(held) == 1
        asked = questions(page)
        page.route("**/v1/**", lambda route: route.continue_())
        held[0].continue_()
        wait_for(page, asked, 5)  # as fast as the service answers
        dialog.get_by_role("button", name="Read live").click()
        expect(dialog.locator("#live-reading")).to_be_hidden()
        count = len(asked)
        page.wait_for_timeout(300)
        assert len(asked) == count


def test_it_is_off_while_nobody_sees_it(camera: Browser, service: str) -> None:
    with opened(camera, service) as page:
        dialog = open_camera(page)
        see(page, "hidden")
        assert is_off(page)
        see(page, "visible")
        expect(dialog.get_by_role("status")).to_have_text("")
        page.wait_for_timeout(100)
        assert not is_off(page)
        press(page, "Escape")
        expect(dialog).to_be_hidden()
        assert is_off(page)
        expect(page.get_by_role("button", name="Take a photo")).to_be_focused()


def test_a_keyboard_is_enough(camera: Browser, service: str) -> None:
    with opened(camera, service) as page:
        choose_mode(page, "number")
        tab_to(page, "Take a photo")
        press(page, "Enter")
        expect(page.get_by_role("button", name="Take the photo")).to_be_focused()
        press(page, "Enter")
        expect(page.locator("#numbers .text")).to_have_text("207")


@pytest.mark.parametrize("colour", ["light", "dark"])
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("NotAllowedError", "This page may not use the camera."),
        ("NotFoundError", "There is no camera here."),
        ("NotReadableError", "The camera does not answer."),
    ],
)
def test_why_there_is_no_camera_is_said(browser: Browser, service: str, error: str, sentence: str, colour: Any) -> None:
    with opened(browser, service, color_scheme=colour) as page:
        page.evaluate(f"""() => {{
            navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException("no", "{error}"); }};
        }}""")
        page.get_by_role("button", name="Take a photo").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("status")).to_contain_text(sentence)
        expect(dialog.get_by_role("button", name="Take the photo")).to_be_hidden()
        assert grave_findings(page) == []
        dialog.get_by_role("button", name="Try again").click()
        expect(dialog.get_by_role("status")).to_contain_text(sentence)
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_be_hidden()


def test_what_was_taken_can_be_a_digit(browser: Browser, service: str, tmp_path: Path) -> None:
    with seeing(browser, film(tmp_path / "digit.y4m", 4)) as launched, opened(launched, service) as page:
        dialog = open_camera(page)
        dialog.get_by_role("button", name="Read live").click()
        expect(dialog.locator("#live-reading b")).to_have_text("4")
        dialog.get_by_role("button", name="Take the photo").click()
        expect(read_as(page)).to_have_text("4")


def test_where_a_browser_lends_no_camera_a_phones_own_app_takes_the_photo(browser: Browser, service: str) -> None:
    """As over plain HTTP from another computer."""
    for context, shown in ((PHONE, "label.camera"), ({}, "#photograph")):
        with opened(browser, service, **context) as page:
            page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
            page.reload()
            expect(page.locator(shown)).to_be_visible()
            expect(page.locator(".tools :is(#photograph, label.camera):visible")).to_have_count(1)
