"""LIKE patterns."""

from __future__ import annotations

import pytest

from s3cse.errors import SettingsError
from s3cse.parquet.filter.like import compile_like


@pytest.mark.parametrize(
    ("pattern", "escape", "regex", "prefix"),
    [
        ("abc", "\\", "abc", b"abc"),
        ("a%c", "\\", "a.*c", b"a"),
        ("_a", "\\", ".a", b""),
        (r"a\_b%", "\\", "a_b.*", b"a_b"),
        (r"a\\%", "\\", r"a\\.*", b"a\\"),
        ("a!%b", "!", "a%b", b"a%b"),
        (r"a\b", "!", r"a\\b", rb"a\b"),
        ("a.(b)", "\\", r"a\.\(b\)", b"a.(b)"),
        ("é%", "\\", "é.*", "é".encode()),
        ("", "\\", "", b""),
        ("%%", "%", "%", b"%"),
    ],
)
def test_patterns_become_anchored_regular_expressions(pattern: str, escape: str, regex: str, prefix: bytes) -> None:
    """Wildcards are translated, everything else is literal, and the fixed beginning is known."""
    compiled = compile_like(pattern, escape)
    assert compiled.regex == rf"(?s)\A{regex}\z"
    assert compiled.prefix == prefix


@pytest.mark.parametrize(("pattern", "escape"), [(r"a\bc", "\\"), ("a\\", "\\"), ("a!b", "!"), ("a", ""), ("a", "!!")])
def test_a_lone_escape_is_an_error_as_in_spark(pattern: str, escape: str) -> None:
    """An escape stands before a wildcard or itself, and is one character."""
    with pytest.raises(SettingsError):
        compile_like(pattern, escape)
