"""What a registering writer must be."""

from __future__ import annotations

from typing import Any

import pytest

from s3cse.errors import SettingsError
from s3cse.services.athena.writing import refuse_unreadable

GOOD: dict[str, Any] = {"keyring": "kms", "profile": "emrfs-v2", "storage": "metadata", "context": None}


@pytest.mark.parametrize("change", [{}, {"profile": "emrfs"}, {"context": {}}])
def test_what_athena_reads_is_let_through(change: dict[str, Any]) -> None:
    """A KMS key, the profiles that Athena opens, metadata, and no context of one's own."""
    refuse_unreadable(**{**GOOD, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"keyring": "aes"},
        {"keyring": "provider"},
        {"profile": "s3ec-v4"},
        {"profile": "redshift"},
        {"profile": "encryption-sdk"},
        {"profile": "sse-c", "keyring": "aes"},
        {"storage": "instruction-file"},
        {"context": {"team": "flights"}},
    ],
)
def test_what_athena_cannot_read_is_refused(change: dict[str, Any]) -> None:
    """Anything else is refused; the message names the option, and no value of a context."""
    with pytest.raises(SettingsError, match=next(iter(change))) as caught:
        refuse_unreadable(**{**GOOD, **change})
    assert "flights" not in str(caught.value)
