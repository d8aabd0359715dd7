"""Key material does not show, copy or travel by accident."""

from __future__ import annotations

import copy
import pickle

import pytest

from s3cse.crypto.secret import Secret

KEY = bytes(range(32))


def test_it_holds_a_copy() -> None:
    """Wiping the caller's buffer does not change the secret."""
    original = bytearray(KEY)
    secret = Secret(original)
    original[:] = bytes(32)
    assert secret.view() == KEY


def test_its_view_is_read_only() -> None:
    """Users of the key cannot change it."""
    view = Secret(KEY).view()
    with pytest.raises(TypeError):
        view[0] = 1


def test_wiping_zeroes_the_same_memory() -> None:
    """Wipe overwrites in place, keeps the length, and may be repeated."""
    secret = Secret(KEY)
    view = secret.view()
    secret.wipe()
    secret.wipe()
    assert bytes(view) == bytes(32)
    assert len(secret) == 32


def test_losing_it_wipes_it() -> None:
    """The memory is zero once the last reference is gone."""
    secret = Secret(KEY)
    view = secret.view()
    del secret
    assert bytes(view) == bytes(32)


def test_its_representation_shows_the_length_only() -> None:
    """Neither repr, str nor format shows a byte."""
    secret = Secret(b"hunter2")
    assert {repr(secret), str(secret), f"{secret}"} == {"<Secret of 7 bytes>"}


def test_it_equals_only_secrets_with_the_same_bytes() -> None:
    """Comparison is with another secret, never with raw bytes."""
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret(KEY[:31])
    assert Secret(KEY) != KEY


def test_it_cannot_be_a_key_of_a_dict() -> None:
    """A hash would be a fingerprint of the key."""
    with pytest.raises(TypeError):
        hash(Secret(KEY))


def test_it_cannot_travel() -> None:
    """Pickling and copying are refused."""
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            travel(Secret(KEY))
