"""The fenced blocks of a document."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
#: Documents whose every command is run.
DOCUMENTS = ("emr.md", "glue.md")
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str) -> list[tuple[str, str]]:
    """Return (language, text) of each block, in order."""
    return _FENCED.findall((DOCS / document).read_text(encoding="utf-8"))


def shell(document: str) -> str:
    """Return all shell blocks as the one session that they are."""
    return "\n".join(text for language, text in blocks(document) if language == "sh")
