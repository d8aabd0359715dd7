"""Materials descriptions: the text beside a raw key's objects that says which key it was (FORMATS.md section 3)."""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.envelope.fields import is_text
from s3cse.errors import SettingsError

_SHOWN = 300  # characters: whoever can write an object chooses how long its description is


def checked_description(matdesc: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of the description.

    Raises:
        SettingsError: it is no map of strings.
    """
    if matdesc is None:
        return None
    if not isinstance(matdesc, Mapping) or not all(is_text(text) for entry in matdesc.items() for text in entry):
        raise SettingsError(
            "the materials description is no map of strings",
            expected='{"key": "2026-01"} or the like',
            fix="turn names and values into text",
        )
    return dict(matdesc)


def shown(matdesc: Mapping[str, str] | None) -> str:
    """Return the description for a message, cut where it is too long."""
    text = repr(dict(matdesc or {}))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
