"""docs/messages.md: each of its blocks runs, in order, and its table of suites is the code's."""

from __future__ import annotations

import re
from pathlib import Path

from s3cse.message import SUITES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "messages.md").read_text(encoding="utf-8")


def test_every_block_runs(tmp_path: Path) -> None:
    """From the top, with a key and a place for a file."""
    names = {"key": bytes(range(32)), "encrypted": tmp_path / "encrypted", "print": lambda *shown: out.append(shown)}
    out: list[tuple[object, ...]] = []
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(block, names)
    assert out[0][:2] == (b"Hello!", {"table": "flights"})
    assert out[1] == (65_536, b"one piece, and another")
    assert out[2][1:] == (1_000_000, True)


def test_the_table_names_every_suite() -> None:
    """And says the right thing of each."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `0x")]
    found = {int(number, 16): row for row in rows for number in re.findall(r"`(0x\w{4})`", row)}
    assert set(found) == set(SUITES)
    for suite in SUITES.values():
        assert ('commitment="allow"' in found[suite.id]) == (not suite.commits)
        assert ("ECDSA" in found[suite.id]) == (suite.curve is not None)
