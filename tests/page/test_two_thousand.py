"""A person's task: 2,000 files, stopped, gone on with, through a restart of the service; on a desktop and a phone."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from app.tasks.digits import strokes
from tests.conftest import Process, free_port
from tests.page.window import PHONE, choose_mode, opened

FILES = 2000
ON_A_PAGE = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are named for the digit in them: NUMBER-DIGIT.png."""
    folder = tmp_path_factory.mktemp("pictures") / "scans"
    folder.mkdir()
    drawn = [png(strokes.render(digit, width=width)) for width in (1.5, 2.0, 2.5, 3.0) for digit in range(10)]
    for number in range(FILES):
        (folder / f"{number:04}-{number % 10}.png").write_bytes(drawn[number % len(drawn)])
    return folder


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    path = folder.parent / "scans.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


def test_on_a_desktop_a_folder_through_a_restart(browser: Browser, folder: Path) -> None:
    port = free_port()
    first = Process(port)
    try:
        first.wait_until_ready()
        with opened(browser, first.url, refusals=True) as page:
            begin(page, "#folder", folder)
            stop_and_go_on(page)
            first.end()
            expect(page.locator("#pile-problem")).to_have_text("The service cannot be reached. Trying again…")
            assert read(page) < FILES
            second = Process(port)
            try:
                check_all_read(page, folder)
            finally:
                second.end()
    finally:
        first.end()


def test_on_a_phone_an_archive_through_a_moment_without_a_network(
    browser: Browser, service: str, folder: Path, archive: Path
) -> None:
    with opened(browser, service, refusals=True, **PHONE) as page:
        begin(page, "#files", archive)
        stop_and_go_on(page)
        page.context.set_offline(True)
        expect(page.locator("#pile-problem")).to_have_text("The service cannot be reached. Trying again…")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.context.set_offline(False)
        check_all_read(page, folder)


def begin(page: Page, chooser: str, path: Path) -> None:
    choose_mode(page, "many")
    page.locator(chooser).set_input_files(path)
    wait_until_read(page, 100)


def stop_and_go_on(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#progress")).to_contain_text("of 2,000 read, stopped")
    stopped = read(page)
    page.wait_for_timeout(500)
    assert 100 <= read(page) == stopped < FILES
    page.get_by_role("button", name="Go on").click()
    wait_until_read(page, stopped + 1)


def check_all_read(page: Page, folder: Path) -> None:
    """None is lost or there twice, all are right, and the browser holds a page of the pile alone."""
    expect(page.locator("#progress")).to_have_text("2,000 pictures read", timeout=60_000)
    assert page.locator("canvas").count() < ON_A_PAGE + 20
    rows = table(page)
    assert sorted(Path(row["file"]).name for row in rows) == [file.name for file in sorted(folder.iterdir())]
    assert [row for row in rows if row["digit"] != Path(row["file"]).stem[-1]] == []


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
