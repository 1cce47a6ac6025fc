"""The documentation's site: the reference tells of everything, and what is broken is not built."""

import subprocess
from pathlib import Path

import pytest

from app.config import Settings
from app.errors import ServiceError
from app.http.problems import kinds
from docs.site import links
from docs.site.__main__ import build
from docs.site.staging import stage
from tests.conftest import ROOT, installed_apart

ASSET = '<link rel="stylesheet" href="https://elsewhere.example/font.css">'


KINDS = [kind for kind in kinds() if kind.__module__ == ServiceError.__module__]


@pytest.fixture
def zensical() -> Path:
    return installed_apart("zensical", "docs")


def test_the_reference_tells_of_every_setting_error_and_path(tmp_path: Path) -> None:
    stage(ROOT, tmp_path)
    settings, errors, http, commands, client = (
        (tmp_path / "docs" / "reference" / f"{name}.md").read_text()
        for name in ("settings", "errors", "http", "commands", "client")
    )
    assert all(f"| `DIGITSERVE_{name.upper()}` |" in settings for name in Settings.model_fields)
    assert all(f"| `{kind.code}` |" in errors for kind in KINDS)
    assert "### POST /v2/models/{name}/infer" in http
    assert "## `digitserve serve`" in commands
    assert "## `python -m training finetune`" in commands
    assert "## `digitserve-client watch`" in commands
    assert "### Client.predict_many" in client
    assert "### FakeService.fail" in client
    assert not [page for page in tmp_path.glob("docs/reference/*.md") if "<!-- made: " in page.read_text()]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_an_error_says_its_cause_and_its_cure(kind: type[ServiceError]) -> None:
    assert vars(kind)["__doc__"].rstrip(".").count(". ") >= 1


def test_the_site_is_built_without_a_fault(tmp_path: Path, zensical: Path) -> None:
    assert build(ROOT, tmp_path, zensical) == []
    assert (tmp_path / "site" / "docs" / "tutorial.html").exists()


@pytest.mark.parametrize("link", ["docs/missing.md", "#missing"])
def test_a_link_to_no_page_or_no_heading_is_refused(link: str, tmp_path: Path, zensical: Path) -> None:
    (tmp_path / "README.md").write_text(f"# Here\n\n[There]({link})\n")
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path, tmp_path / "build", zensical)


def test_what_is_built_leads_somewhere_and_fetches_nothing(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text('<h1 id="there">There</h1>')
    (tmp_path / "index.html").write_text(
        f'{ASSET}<a href="other.html#there"><a href="other.html#not"><a href="none.txt"><img src="none.png">'
    )
    assert links.wrong(tmp_path) == [
        "index.html fetches https://elsewhere.example/font.css: nothing may come from elsewhere",
        "index.html links to none.png: there is no such file",
        "index.html links to none.txt: there is no such file",
        "index.html links to other.html#not: other.html has no such anchor",
    ]
