"""The programs that the page offers do what they say, as they stand."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.window import EXAMPLES, choose_mode, draw, hand_over, opened, read_as


def example(page: Page, language: str) -> str:
    if not page.locator("#example").is_visible():
        page.locator("#code summary").click()
    page.locator(f"[name=language][value={language}]").check()
    return page.locator("#example").text_content() or ""


def by_shell(command: str, folder: Path) -> str:
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=20).stdout


@pytest.fixture
def drawn(page: Page) -> Page:
    draw(page, 6)
    expect(page.locator("#said")).to_contain_text("Read as 6")
    return page


def test_curl_sends_the_drawing(drawn: Page, tmp_path: Path) -> None:
    assert '"digit":6' in by_shell(example(drawn, "curl"), tmp_path)


@pytest.mark.parametrize("language", ["client", "httpx"])
def test_python_sends_the_drawing(drawn: Page, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(example(drawn, language), {})
    assert capsys.readouterr().out.startswith("6")


@pytest.mark.parametrize("language", ["curl", "client", "httpx"])
def test_a_file_is_sent_by_its_name(
    page: Page, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "Ann's 7.png"
    path.write_bytes(EXAMPLES[7].read_bytes())
    monkeypatch.chdir(tmp_path)
    page.locator("#file").set_input_files(path)
    expect(read_as(page)).to_have_text("7")
    text = example(page, language)
    if language == "curl":
        assert '"digit":7' in by_shell(text, tmp_path)
    else:
        exec(text, {})
        assert capsys.readouterr().out.startswith("7")


def test_what_was_pasted_is_no_file_and_goes_along(page: Page, tmp_path: Path) -> None:
    hand_over(page, "paste", "image.png", "image/png", EXAMPLES[7].read_bytes())
    expect(read_as(page)).to_have_text("7")
    assert '"digit":7' in by_shell(example(page, "curl"), tmp_path)


def test_a_number_has_examples_too(page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choose_mode(page, "number")
    draw(page, 1, 7)
    expect(page.locator("#said")).to_contain_text("Read as 17")
    assert '"text":"17"' in by_shell(example(page, "curl"), tmp_path)
    exec(example(page, "httpx"), {})
    assert capsys.readouterr().out == "['17']\n"
    exec(example(page, "client"), {})
    assert capsys.readouterr().out.startswith("17 ")


def test_copy_takes_all_of_it(browser: Browser, service: str) -> None:
    with opened(browser, service, permissions=["clipboard-read", "clipboard-write"]) as page:
        draw(page, 6)
        expect(page.locator("#said")).to_contain_text("Read as 6")
        text = example(page, "curl")
        page.locator("#copy").click()
        expect(page.locator("#copy")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text
