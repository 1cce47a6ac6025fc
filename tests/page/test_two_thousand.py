"""A person's task: 2,000 files, stopped, gone on with, through a restart of the service; on a desktop and a phone."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from app.tasks.digits import strokes
from tests.conftest import Process, free_port
from tests.page.window import PHONE, choose_mode, opened

FILES = 2000
ON_A_PAGE = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are named for the digit in them: NUMBER-DIGIT.png, each other than the rest."""
    folder = tmp_path_factory.mktemp("pictures") / "scans"
    folder.mkdir()
    drawn = [strokes.render(digit, width=width) for width in (1.5, 2.0, 2.5, 3.0) for digit in range(10)]
    for number in range(FILES):
        frame = drawn[number % len(drawn)].copy()
        frame[0, :2] = divmod(number, 256)
        Image.fromarray(frame).save(folder / f"{number:04}-{number % 10}.png", compress_level=1)
    return folder


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    path = folder.parent / "scans.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


@pytest.fixture
def services() -> Iterator[Any]:
    """Start a service at one port, again and again; the last one ends with the test."""
    port, started = free_port(), []

    def start() -> Process:
        started.append(Process(port))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.mark.parametrize("window", [{}, PHONE], ids=["desktop", "phone"])
def test_two_thousand_files_with_stop_restart_and_resume(
    browser: Browser, services: Any, folder: Path, archive: Path, window: dict[str, Any]
) -> None:
    service = services()
    with opened(browser, service.url, refusals=True, **window) as page:
        choose_mode(page, "many")
        is_phone = bool(window)
        page.locator("#files" if is_phone else "#folder").set_input_files(archive if is_phone else folder)
        wait_until_read(page, 100)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#progress")).to_contain_text("of 2,000 read, stopped")
        stopped = read(page)
        page.wait_for_timeout(500)
        assert 100 <= read(page) == stopped < FILES
        page.get_by_role("button", name="Go on").click()
        wait_until_read(page, stopped + 1)
        service.end()
        expect(page.locator("#pile-problem")).to_have_text("The service cannot be reached. Trying again…")
        assert read(page) < FILES
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        services()
        expect(page.locator("#progress")).to_have_text("2,000 pictures read", timeout=60_000)
        assert page.locator("canvas").count() < ON_A_PAGE + 20  # the rest of the pile is none of the browser's
        rows = table(page)
    assert sorted(Path(row["file"]).name for row in rows) == [file.name for file in sorted(folder.iterdir())]
    wrong = [row for row in rows if row["digit"] != Path(row["file"]).stem[-1]]
    assert wrong == []


def wait_until_read(page: Page, count: int) -> None:
    page.wait_for_function(f"count => ({READ})() >= count", arg=count)


READ = '() => Number(document.getElementById("progress")?.textContent.split(" ")[0].replace(",", "") || 0)'


def read(page: Page) -> int:
    count: int = page.evaluate(READ)
    return count


def table(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
