"""SECURITY.md promises no test that is not there, and no attack without one."""

import re

from tests.conftest import ROOT

TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_in_the_table_exists() -> None:
    missing = []
    for file, name in NAMED.findall(TEXT):
        path = ROOT / file
        if not path.exists() or not re.search(rf"^ *(async )?def {name}\(", path.read_text(), re.MULTILINE):
            missing.append(f"{file}::{name}")
    assert missing == []


def test_every_attack_has_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if not NAMED.search(row)] == []
