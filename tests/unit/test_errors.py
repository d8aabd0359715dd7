"""The error tree: what messages say, what survives a process border."""

from __future__ import annotations

import pickle

import pytest

from s3cse import errors
from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    SettingsError,
    TransferError,
)

CHILDREN = (EnvelopeError, KeyringError, IntegrityError, PolicyError, SettingsError, TransferError)
PARTS = {"found": "this", "expected": "that", "fix": "do so"}


def test_tree_has_one_root_and_six_children() -> None:
    """Whoever catches S3CSEError catches everything, and the children are exactly the six documented ones."""
    defined = {
        value for value in vars(errors).values() if isinstance(value, type) and value.__module__ == "s3cse.errors"
    }
    assert defined == {S3CSEError, *CHILDREN}
    assert all(child.__bases__[0] is S3CSEError for child in CHILDREN)


@pytest.mark.parametrize("kind", CHILDREN)
def test_message_names_object_found_expected_and_fix(kind: type[S3CSEError]) -> None:
    """A message says which object, what was found, what was expected and what to do, in that order."""
    error = kind("it is wrong", uri="s3://b/k", **PARTS)
    assert str(error) == "s3://b/k: it is wrong; found this; expected that. Do so"


def test_message_leaves_out_what_is_not_known() -> None:
    """Unknown parts leave no gap in the message."""
    assert str(S3CSEError("it is wrong")) == "it is wrong"
    assert str(S3CSEError("it is wrong", fix="stop")) == "it is wrong. Stop"


@pytest.mark.parametrize("kind", CHILDREN)
def test_errors_survive_pickling(kind: type[S3CSEError]) -> None:
    """An error raised in a Spark worker arrives in the driver with all its parts."""
    error = kind("it is wrong", uri="s3://b/k", **PARTS)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_transfer_error_keeps_status_and_code_across_pickling() -> None:
    """Callers that decide by status or code still can after pickling."""
    back = pickle.loads(pickle.dumps(TransferError("gone", status=404, code="NoSuchKey")))
    assert (back.status, back.code) == (404, "NoSuchKey")


def test_at_names_the_object_once() -> None:
    """The layer that first knows the object's name wins."""
    error = TransferError("gone", status=404, code="NoSuchKey")
    named = error.at("s3://b/first")
    assert isinstance(named, TransferError)
    assert str(named.at("s3://b/second")).startswith("s3://b/first: ")
    assert (named.status, named.code, error.uri) == (404, "NoSuchKey", None)


def test_settings_error_is_a_value_error() -> None:
    """Argument mistakes can be caught the usual Python way."""
    assert issubclass(SettingsError, ValueError)
