"""LIKE patterns, read as Spark reads them: ``_`` is one character, ``%`` any number, newlines included."""

from __future__ import annotations

import re
from dataclasses import dataclass

from s3cse.errors import SettingsError

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_WILDCARDS = {"_": ".", "%": ".*"}


@dataclass(frozen=True, slots=True)
class LikePattern:
    """A pattern as an RE2 expression for the whole value, and the UTF-8 bytes with which every match begins."""

    regex: str
    prefix: bytes


def _refuse(pattern: str, escape: str) -> SettingsError:
    return SettingsError(
        "LIKE pattern with a lone escape character",
        found=repr(pattern),
        expected=f"{escape} only before _, % or itself",
        fix=f"write {escape}{escape} for the character itself, or name another ESCAPE character",
    )


def _tokens(pattern: str, escape: str) -> list[tuple[str, bool]]:
    """Split the pattern into characters; True marks a wildcard."""
    tokens: list[tuple[str, bool]] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == escape:
            position += 1
            char = pattern[position : position + 1]
            if char not in ("_", "%", escape):
                raise _refuse(pattern, escape)
            tokens.append((char, False))
        else:
            tokens.append((char, char in _WILDCARDS))
        position += 1
    return tokens


def compile_like(pattern: str, escape: str = "\\") -> LikePattern:
    """Translate a LIKE pattern.

    Args:
        pattern: the pattern's text, string escapes already resolved.
        escape: one character.

    Raises:
        SettingsError: the escape is not one character, or stands before something else than a wildcard or itself.
    """
    if len(escape) != 1:
        raise SettingsError("ESCAPE is not one character", found=repr(escape), expected="for example '!'")
    tokens = _tokens(pattern, escape)
    first_wildcard = next((number for number, (_, wild) in enumerate(tokens) if wild), len(tokens))
    body = "".join(_WILDCARDS[char] if wild else _SPECIAL.sub(r"\\\g<0>", char) for char, wild in tokens)
    prefix = "".join(char for char, _ in tokens[:first_wildcard])
    return LikePattern(rf"(?s)\A{body}\z", prefix.encode())
