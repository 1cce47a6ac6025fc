"""Every block of the README, the tutorial, the guides and the explanations does what its page says."""

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from app.cli import cli
from tests.conftest import ROOT
from tests.docs.blocks import Block, blocks
from tests.docs.reader import reading
from training.commands import app as training

PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "client" / "README.md",
    ROOT / "docs" / "tutorial.md",
    *sorted(ROOT.glob("docs/guides/*.md")),
    *sorted(ROOT.glob("docs/explanations/*.md")),
    *sorted(ROOT.glob("deploy/**/README.md")),
]
BLOCKS = [block for page in PAGES for block in blocks(page)]
NOT_RUN = [block for block in BLOCKS if block.said == "not run"]  # `pytest -v` lists them
PROGRAMS = {"digitserve": typer.main.get_command(cli), "python -m training": typer.main.get_command(training)}


def place(block: Block) -> str:
    return f"{block.page.relative_to(ROOT)}:{block.line}"


@pytest.mark.parametrize("page", [one for one in PAGES if blocks(one)], ids=lambda page: str(page.relative_to(ROOT)))
def test_a_reader_can_do_what_a_page_says(page: Path, tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        for block in blocks(page):
            try:
                reader.do(block)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                error.add_note(f"at {place(block)}")
                raise


@pytest.mark.parametrize("block", BLOCKS, ids=place)
def test_a_block_is_well_formed(block: Block) -> None:
    match block.language:
        case "bash":
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        case "console":
            assert block.text.startswith("$ ")
        case "python":
            ast.parse(block.text)
        case "yaml":
            list(yaml.safe_load_all(block.text))
        case "json":
            json.loads(block.text)
        case language:
            assert language == "text", "say what it is: bash, console, python, yaml, json or text"


@pytest.mark.parametrize("block", NOT_RUN, ids=place)
def test_what_is_not_run_says_why_and_names_what_there_is(block: Block) -> None:
    assert len(block.of.split()) > 1, "say why it is not run"
    if block.language != "bash":
        return
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets.issuperset(re.findall(r"^make ([a-z]+)", block.text, re.MULTILINE))
    for name, program in PROGRAMS.items():
        for line in re.findall(rf"^(?:\S*/)?{name} ([^\n|;&]*)", block.text.replace("\\\n", " "), re.MULTILINE):
            assert_known(program, shlex.split(line, comments=True))


def assert_known(program: Any, words: list[str]) -> None:
    """That these are commands and options of a typer's program."""
    while commands := getattr(program, "commands", None):
        assert words, "no command is given"
        if words[0].startswith("--"):  # an option of all of them, as --version
            break
        program, *words = commands[words[0]], *words[1:]
    options = {option for one in program.params for option in (*one.opts, *one.secondary_opts)}
    assert options.issuperset(word.split("=")[0] for word in words if word.startswith("--"))
