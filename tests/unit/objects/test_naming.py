"""Errors learn the object's name on their way up."""

from __future__ import annotations

import traceback

import pytest

from s3cse.errors import KeyringError, TransferError
from s3cse.objects.naming import does_not_verify, naming

from .fakes import PLACE


def test_error_gets_the_name_and_keeps_cause_and_traceback() -> None:
    """Adding the name loses nothing that helps to find the reason."""

    def deep() -> None:
        raise KeyringError("refused") from OSError("why")

    with pytest.raises(KeyringError, match=f"^{PLACE.uri}: refused$") as caught, naming(PLACE):
        deep()
    assert isinstance(caught.value.__cause__, OSError)
    assert "deep" in "".join(traceback.format_tb(caught.value.__traceback__))


def test_named_error_stays_itself() -> None:
    """The first name wins, and the very same exception goes on."""
    error = TransferError("gone", uri="s3://other/key")
    with pytest.raises(TransferError) as caught, naming(PLACE):
        raise error
    assert caught.value is error


def test_foreign_errors_pass() -> None:
    """Only errors of this package are touched."""
    error = OSError("x")
    with pytest.raises(OSError, match="x") as caught, naming(PLACE):
        raise error
    assert caught.value is error


def test_failures_to_verify_look_alike() -> None:
    """There is one text for a wrong tag, wrong padding and a wrong key."""
    assert str(does_not_verify()) == str(does_not_verify())
    assert "padding" not in str(does_not_verify())
    assert "tag" not in str(does_not_verify())
