"""Data keys that several messages share: within every limit and never beyond, and only where asked for."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from s3cse.crypto.secret import Secret
from s3cse.errors import SettingsError
from s3cse.keyrings import AesKeyring, CachingKeyring, EncryptedDataKey, MessageKey, MultiKeyring, ReuseLimits
from s3cse.keyrings.message_reuse import ReusedKeys
from s3cse.message import COMMITTING_SIGNED, MessageWriter, decrypt, encrypt

from .forked import in_a_forked_child

CONTEXT = {"table": "flights"}


class Counting(AesKeyring):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(bytes(range(32)), provider_id="tests", key_id="key")
        self.made = 0
        self.opened = 0

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        self.made += 1
        return super().new_message_key(context, key_bytes)

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        self.opened += 1
        return super().unwrap_message_key(encrypted, context, key_bytes)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def caching(inner: Any, clock: Any = None, max_entries: int = 100, **limits: Any) -> CachingKeyring:
    """A cache with these limits of reuse."""
    return CachingKeyring(inner, max_entries, clock=clock or Clock(), reuse=ReuseLimits(**limits))


def test_without_limits_every_message_has_its_own() -> None:
    """A cache for reading changes nothing about writing."""
    inner = Counting()
    keyring = CachingKeyring(inner)
    for _ in range(3):
        encrypt(b"text", keyring, context=CONTEXT)
    assert inner.made == 3


def test_messages_of_one_context_share_a_data_key_up_to_the_limit() -> None:
    """Each has its own id, key and commitment all the same, and another keyring opens them."""
    inner = Counting()
    keyring = caching(inner, max_messages=3)
    messages = [encrypt(b"text", keyring, context=CONTEXT) for _ in range(7)]
    assert inner.made == 3
    headers = [decrypt(message, Counting()).header for message in messages]
    assert len({header.encrypted_data_keys for header in headers}) == 3
    assert len({header.message_id for header in headers}) == len({header.commitment for header in headers}) == 7


def test_bytes_are_counted() -> None:
    """A message that has no room gets a new data key; one longer than the limit gets one for itself."""
    inner = Counting()
    keyring = caching(inner, max_bytes=10)
    for length, made in ((4, 1), (6, 1), (0, 1), (1, 2), (11, 3), (9, 3), (1, 4)):
        encrypt(bytes(length), keyring, context=CONTEXT)
        assert inner.made == made, length


def test_age_is_counted() -> None:
    """From when the data key was made."""
    inner, clock = Counting(), Clock()
    keyring = caching(inner, clock, max_age=10)
    for now, made in ((0, 1), (9.9, 1), (10, 2), (19, 2), (20, 3)):
        clock.now = now
        encrypt(b"text", keyring, context=CONTEXT)
        assert inner.made == made, now


def test_another_context_or_length_is_another_data_key() -> None:
    """The wrap is bound to the context."""
    inner = Counting()
    reused = ReusedKeys(inner, ReuseLimits(), 10)
    keys = [reused.key_for(*asked) for asked in ((CONTEXT, 32, 1), ({}, 32, 1), (CONTEXT, 16, 1), (CONTEXT, 32, 1))]
    assert inner.made == 3
    assert keys[0] is keys[3]


def test_signed_messages_and_those_of_unknown_length_have_their_own() -> None:
    """The first have a key pair of their own in the context; the length of the others cannot be counted."""
    inner = Counting()
    keyring = caching(inner)
    for _ in range(2):
        encrypt(b"text", keyring, context=CONTEXT, suite=COMMITTING_SIGNED)
        with MessageWriter(io.BytesIO(), keyring, context=CONTEXT) as writer:
            writer.write(b"text")
    assert inner.made == 4


def test_a_writer_of_known_length_shares_and_keeps_its_word() -> None:
    """More than it said is refused, as it would not have been counted."""
    inner = Counting()
    keyring = caching(inner, max_bytes=10)
    for _ in range(2):
        with MessageWriter(io.BytesIO(), keyring, context=CONTEXT, plaintext_bytes=5) as writer:
            writer.write(b"1234")
    assert inner.made == 1
    writer = MessageWriter(io.BytesIO(), keyring, context=CONTEXT, plaintext_bytes=5)
    writer.write(b"1234")
    with pytest.raises(SettingsError, match="more is written"):
        writer.write(b"56")


def test_entries_are_bounded() -> None:
    """The least recently used context goes first."""
    inner = Counting()
    keyring = caching(inner, max_entries=2)
    for name, made in (("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)):
        encrypt(b"", keyring, context={"name": name})
        assert inner.made == made, name


def test_limits_hold_among_threads() -> None:
    """No data key is counted for more messages than allowed."""
    inner = Counting()
    keyring = caching(inner, max_messages=10)
    with ThreadPoolExecutor(8) as pool:
        messages = list(pool.map(lambda _: encrypt(b"text", keyring, context=CONTEXT), range(200)))
    used = [decrypt(message, Counting()).header.encrypted_data_keys for message in messages]
    assert max(used.count(keys) for keys in used) <= 10


def test_a_forked_child_starts_with_none() -> None:
    """Parent and child would count apart."""
    inner = Counting()
    keyring = caching(inner)
    encrypt(b"text", keyring, context=CONTEXT)

    def child() -> None:
        encrypt(b"text", keyring, context=CONTEXT)
        assert inner.made == 2

    assert in_a_forked_child(child) == 0
    encrypt(b"text", keyring, context=CONTEXT)
    assert inner.made == 1


def test_reading_is_cached_by_keys_context_and_length() -> None:
    """One call for the same message, another for every other."""
    inner = Counting()
    keyring = CachingKeyring(inner)
    message, other = (encrypt(b"text", Counting(), context=CONTEXT, required_keys=["table"]) for _ in range(2))
    for _ in range(3):
        assert decrypt(message, keyring, context=CONTEXT).plaintext == b"text"
    assert inner.opened == 1
    decrypt(other, keyring, context=CONTEXT)
    assert inner.opened == 2
    for _ in range(2):
        with pytest.raises(Exception, match="does not open"):
            decrypt(message, keyring, context={"table": "another"})
    assert inner.opened == 4


def test_several_keys_are_shared_together() -> None:
    """A cache over a multi keyring, and a member that wraps through a cache."""
    inner, second = Counting(), AesKeyring(bytes(16), provider_id="tests", key_id="second")
    keyring = caching(MultiKeyring([inner], also_wrap=[CachingKeyring(second)]))
    for _ in range(2):
        message = encrypt(b"text", keyring, context=CONTEXT)
    assert inner.made == 1
    assert decrypt(message, second).plaintext == b"text"


@pytest.mark.parametrize("limits", [{"max_messages": 0}, {"max_bytes": 0}, {"max_age": 0}, {"max_age": -1.0}])
def test_limits_are_positive(limits: dict[str, Any]) -> None:
    """Zero would mean nothing, or everything."""
    with pytest.raises(SettingsError, match="positive"):
        ReuseLimits(**limits)
