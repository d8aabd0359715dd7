"""A cluster's owner sets a floor of integrity."""

from __future__ import annotations

import pytest

from s3cse.errors import SettingsError
from s3cse.settings.files import ClusterSettings
from s3cse.settings.minimum import MINIMUM, check_integrity
from s3cse.settings.model import Origin, Properties, Property
from s3cse.settings.resolve import resolve


def floor(value: str | None) -> Properties:
    """Return settings with this floor."""
    return Properties([] if value is None else [Property(MINIMUM, value, Origin("core-site.xml", MINIMUM))], {})


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (None, ["strict", "verify-indexed", "none"]),
        ("none", ["strict", "verify-indexed", "none"]),
        ("verify-indexed", ["strict", "verify-indexed"]),
        (" strict ", ["strict"]),
    ],
)
def test_floor(value: str | None, allowed: list[str]) -> None:
    """What is below is refused, with the file and key that say so."""
    for integrity in ("strict", "verify-indexed", "none"):
        if integrity in allowed:
            check_integrity(integrity, floor(value))
        else:
            with pytest.raises(SettingsError, match=rf"integrity={integrity}.*core-site\.xml: {MINIMUM}"):
                check_integrity(integrity, floor(value))


def test_no_such_level() -> None:
    """A word that is no level is an error, and not no floor."""
    with pytest.raises(SettingsError, match=r"'lax'.*strict \| verify-indexed \| none"):
        check_integrity("strict", floor("lax"))
    assert "'lax'" in str(resolve("s3://b/t", ClusterSettings(floor("lax"))).refused[0])


def test_it_is_shown() -> None:
    """The answers for an address name it."""
    found = resolve("s3://b/t", ClusterSettings(floor("strict"))).minimum_integrity
    assert found is not None
    assert (found.value, str(found.origins[0])) == ("strict", f"core-site.xml: {MINIMUM}")
