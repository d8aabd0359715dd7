"""CachingKeyring: one call per object, bounded in number, age and uses, under threads and forks."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, KeyringError
from s3cse.keyrings import AesKeyring, CachingKeyring, Claim, DataKey, Keyring
from s3cse.objects.content_key import content_key, new_envelope

EMRFS_V2 = find_profile("emrfs-v2", "kms")


class Inner:
    """Counts calls; ``gate`` holds them back, ``failures`` makes the next so many fail."""

    kind = "kms"

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.failures = 0
        self.gate: threading.Event | None = None
        self.entered = threading.Event()

    def __repr__(self) -> str:
        return "Inner()"

    def for_encryption(self, uri: str) -> Keyring:
        return self

    def new_data_key(self, profile: Profile) -> DataKey:
        self.calls.append(b"new")
        return DataKey(Secret(os.urandom(32)), os.urandom(8), {})

    def unwrap(self, envelope: Envelope) -> Secret:
        self.calls.append(envelope.encrypted_data_key)
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.failures:
            self.failures -= 1
            raise KeyringError("no")
        return Secret(envelope.encrypted_data_key.ljust(32, b"."))


class Clock:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def envelope(name: bytes = b"a", **changes: Any) -> Envelope:
    context = {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}
    return replace(Envelope(Format.V2, ContentAlgorithm.AES_GCM, "kms+context", name, bytes(12), context), **changes)


def test_object_is_unwrapped_once() -> None:
    """However often an object is opened, the key service hears of it once."""
    keyring = CachingKeyring(inner := Inner())
    keys = [keyring.unwrap(envelope()) for _ in range(100)]
    assert inner.calls == [b"a"]
    assert all(key is keys[0] for key in keys)


def test_new_keys_are_never_cached() -> None:
    """Every object gets its own data key."""
    keyring = CachingKeyring(inner := Inner())
    assert keyring.new_data_key(EMRFS_V2).plaintext != keyring.new_data_key(EMRFS_V2).plaintext
    assert inner.calls == [b"new", b"new"]


@pytest.mark.parametrize(
    "other",
    [
        envelope(b"b"),
        envelope(wrap_algorithm="kms"),
        envelope(content_algorithm=ContentAlgorithm.AES_CBC),
        envelope(format=Format.V3),
        envelope(materials_description={"a": "b"}),
        envelope(materials_description={"ab": "", "": ""}),
        envelope(materials_description=None),
    ],
)
def test_all_that_the_key_service_would_see_tells_objects_apart(other: Envelope) -> None:
    """A relabelled object or another context never gets a cached key."""
    keyring = CachingKeyring(inner := Inner())
    keyring.unwrap(envelope())
    keyring.unwrap(other)
    assert len(inner.calls) == 2


def test_contexts_do_not_run_into_each_other() -> None:
    """Names and values are told apart wherever they are cut."""
    keyring = CachingKeyring(inner := Inner())
    contexts = [{"ab": "c"}, {"a": "bc"}, {"": "abc"}, {"abc": ""}, {"a": "b", "c": ""}, {"a": "", "b": "c"}]
    for context in contexts:
        keyring.unwrap(envelope(materials_description=context))
    assert len(inner.calls) == len(contexts)


def test_order_of_the_context_does_not_matter() -> None:
    """Equal maps are one context."""
    keyring = CachingKeyring(inner := Inner())
    keyring.unwrap(envelope(materials_description={"a": "1", "b": "2"}))
    keyring.unwrap(envelope(materials_description={"b": "2", "a": "1"}))
    assert len(inner.calls) == 1


def test_committing_objects_with_one_wrapped_key_check_their_own_commitment() -> None:
    """Format V3: the data key may come from the cache, but each object derives its own key and compares it."""
    keyring = CachingKeyring(inner := Inner())
    profile = find_profile("s3ec-v4", "kms")
    data_key = DataKey(Inner().unwrap(envelope(b"v3")), b"v3", {})
    one, one_key = new_envelope(profile, data_key)
    two, two_key = new_envelope(profile, data_key)
    assert content_key(one, keyring.unwrap(one)) == one_key
    assert content_key(two, keyring.unwrap(two)) == two_key != one_key
    mixed = replace(one, commitment=two.commitment)
    with pytest.raises(IntegrityError, match="commits to another key"):
        content_key(mixed, keyring.unwrap(mixed))
    assert inner.calls == [b"v3"]


def test_claim_is_the_inner_keyrings() -> None:
    """A cache inside a multi keyring is chosen as what it caches, whether that makes claims or not."""
    aes = envelope(wrap_algorithm="AES/GCM", materials_description={"key": "1"})
    assert CachingKeyring(AesKeyring(bytes(32), {"key": "1"})).claim(aes) is Claim.EQUAL
    assert CachingKeyring(AesKeyring(bytes(32), {"key": "2"})).claim(aes) is Claim.NONE
    assert CachingKeyring(Inner()).claim(aes) is Claim.NONE
    assert CachingKeyring(Inner()).claim(envelope()) is Claim.ASK


def test_hostile_text_is_no_crash() -> None:
    """A lone surrogate in a context does not break the cache."""
    assert CachingKeyring(Inner()).unwrap(envelope(materials_description={"a": "\ud800"}))


def test_key_expires() -> None:
    """A revoked permission takes effect after max_age."""
    clock = Clock()
    keyring = CachingKeyring(inner := Inner(), max_age=10, clock=clock)
    keyring.unwrap(envelope())
    clock.now = 9.9
    keyring.unwrap(envelope())
    assert len(inner.calls) == 1
    clock.now = 10
    keyring.unwrap(envelope())
    assert len(inner.calls) == 2


def test_expired_key_is_wiped_without_being_asked_for() -> None:
    """An old key does not stay in memory because nobody wants it."""
    clock = Clock()
    keyring = CachingKeyring(Inner(), max_age=10, clock=clock)
    memory = keyring.unwrap(envelope(b"old"))._data
    assert bytes(memory).startswith(b"old")
    clock.now = 11
    keyring.unwrap(envelope(b"new"))
    assert bytes(memory) == bytes(32)


def test_key_in_use_outlives_its_entry() -> None:
    """A key that somebody still holds is not wiped under his hands."""
    keyring = CachingKeyring(Inner(), max_entries=1)
    held = keyring.unwrap(envelope(b"held"))
    keyring.unwrap(envelope(b"other"))
    assert bytes(held.view()).startswith(b"held")


def test_uses_are_bounded() -> None:
    """After max_uses the key service is asked again."""
    keyring = CachingKeyring(inner := Inner(), max_uses=3)
    for _ in range(7):
        keyring.unwrap(envelope())
    assert len(inner.calls) == 3


def test_number_of_keys_is_bounded_and_the_least_recently_used_goes() -> None:
    """The cache holds max_entries keys, the ones last used."""
    keyring = CachingKeyring(inner := Inner(), max_entries=2)
    for name in (b"a", b"b", b"a", b"c", b"a", b"b"):
        keyring.unwrap(envelope(name))
    assert inner.calls == [b"a", b"b", b"c", b"b"]


@pytest.mark.parametrize("bounds", [{"max_entries": 0}, {"max_age": 0}, {"max_age": -1}, {"max_uses": 0}])
def test_bounds_must_be_positive(bounds: dict[str, Any]) -> None:
    """A cache without bounds, or without sense, is refused."""
    with pytest.raises(ValueError, match="positive"):
        CachingKeyring(Inner(), **bounds)


def test_failures_are_not_remembered() -> None:
    """A refusal is asked again next time: the permission may have come."""
    keyring = CachingKeyring(inner := Inner())
    inner.failures = 1
    with pytest.raises(KeyringError):
        keyring.unwrap(envelope())
    assert keyring.unwrap(envelope())
    assert len(inner.calls) == 2


def test_threads_share_one_call() -> None:
    """Many threads that want one object's key at once cost one call, and all get it."""
    inner = Inner()
    inner.gate = threading.Event()
    keyring = CachingKeyring(inner)
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(keyring.unwrap, envelope()) for _ in range(16)]
        assert inner.entered.wait(10)
        inner.gate.set()
        keys = {id(future.result(10)) for future in futures}
    assert inner.calls == [b"a"]
    assert len(keys) == 1


def test_threads_do_not_wait_for_other_objects() -> None:
    """A slow answer for one object holds nobody up who wants another."""
    inner = Inner()
    inner.gate = threading.Event()
    keyring = CachingKeyring(inner)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(keyring.unwrap, envelope(b"slow"))
        assert inner.entered.wait(10)
        gate, inner.gate = inner.gate, None
        assert keyring.unwrap(envelope(b"fast"))
        assert not slow.done()
        gate.set()
        assert slow.result(10)


def test_many_threads_and_objects_cost_one_call_each() -> None:
    """One call per object and process, under load and with entries close to expiry."""
    keyring = CachingKeyring(inner := Inner())
    names = [bytes([index]) for index in range(20)] * 50
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: keyring.unwrap(envelope(name)), names))
    assert sorted(inner.calls) == sorted(set(names))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_has_a_cache_of_its_own() -> None:
    """A fork in the middle of a call leaves the child neither a locked lock nor the parent's keys."""
    inner = Inner()
    inner.gate = threading.Event()
    keyring = CachingKeyring(inner)
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(keyring.unwrap, envelope())
        assert inner.entered.wait(10)
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # a deadlock ends the child
            inner.gate = None
            worked = keyring.unwrap(envelope()) is not None and list(keyring._caches) == [os.getpid()]
            os._exit(0 if worked else 1)
        inner.gate.set()
        assert busy.result(10)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_cache_shows_no_key_and_does_not_travel() -> None:
    """The cache's text form is its inner keyring's, and it cannot be pickled."""
    keyring = CachingKeyring(Inner())
    keyring.unwrap(envelope())
    assert repr(keyring) == "CachingKeyring(Inner())"
    assert keyring.kind == "kms"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(keyring)
