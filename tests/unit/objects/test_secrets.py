"""No key or plaintext byte in any text form, pickle or error."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import pytest

from s3cse.envelope.detect import read_envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import S3CSEError
from s3cse.keyrings import CachingKeyring, KmsKeyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.objects.upload import ObjectWriter

from .fakes import ALLOW, KEY, PLACE, FakeKms, RecordingStore, write_object

TEXT = b"top secret plaintext of this test" * 3


def shown(thing: object) -> bytes:
    """Return all that a log or a pickle would show of it."""
    seen = f"{thing!r} {thing} {thing:}".encode("utf-8", "replace")
    try:
        return seen + pickle.dumps(thing)
    except (TypeError, AttributeError, pickle.PicklingError):
        return seen


def assert_nothing_shows(things: list[Any], kms: FakeKms) -> None:
    assert kms.secrets
    for thing in things:
        seen = shown(thing)
        assert b"secret plaintext" not in seen
        for key in kms.secrets:
            for form in (key, key.hex().encode(), repr(key)[2:-1].encode(), repr(list(key)).encode()):
                assert form not in seen, type(thing)


def test_values_show_no_secret(store: RecordingStore, kms: FakeKms, profile: Profile) -> None:
    """Open objects, envelopes, keys, keyrings, writers and staged uploads keep their secrets."""
    keyring = CachingKeyring(KmsKeyring(kms, KEY))
    staged = write_object(store, keyring, profile, TEXT)
    opened = open_object(store, keyring, PLACE, ALLOW)
    data_key = keyring.new_data_key(profile)
    with ObjectWriter(store, PLACE, keyring, profile) as writer:
        writer.write(TEXT)
        things = [
            opened,
            opened.envelope,
            opened.key,
            opened.stored,
            keyring,
            staged,
            data_key,
            data_key.plaintext,
            writer,
        ]
        assert_nothing_shows(things, kms)


def test_open_plain_object_shows_no_plaintext(store: RecordingStore, keyring: KmsKeyring) -> None:
    """The tail of a plain object is plaintext: it shows nowhere."""
    store.put(PLACE, TEXT)
    opened = open_object(store, keyring, PLACE, Policy(plaintext="pass"))
    assert b"secret plaintext" not in shown(opened)
    assert opened.tail == TEXT


@pytest.mark.parametrize("plain", [False, True])
def test_open_object_cannot_be_pickled(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, plain: bool
) -> None:
    """An open object never travels, encrypted or not."""
    if plain:
        store.put(PLACE, TEXT)
    else:
        write_object(store, keyring, profile, TEXT)
    opened = open_object(store, keyring, PLACE, Policy(plaintext="pass", legacy="allow"))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(opened, protocol)


def test_data_key_and_secret_cannot_be_pickled(kms: FakeKms, keyring: KmsKeyring, profile: Profile) -> None:
    """Keys never travel."""
    key = keyring.new_data_key(profile)
    for thing in (key, key.plaintext, keyring):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_errors_show_no_secret(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile) -> None:
    """Damage of any kind gives an error without key or plaintext, cause and traceback included."""
    write_object(store, keyring, profile, TEXT)
    body, metadata = store.body(), store.metadata()
    damaged = [(bytes([body[0] ^ 1]) + body[1:], metadata), (body[:-1], metadata), (body[:-16], metadata)]
    damaged += [(body[:-17] + bytes([body[-17] ^ 1]) + body[-16:], metadata), (b"", metadata)]
    damaged += [(body, metadata | {name: "x"}) for name in metadata]
    damaged += [(body, {key: value for key, value in metadata.items() if key != name}) for name in metadata]
    errors = []
    for new_body, new_metadata in damaged:
        store.damage(body=new_body, metadata=new_metadata)
        try:
            read_whole(open_object(store, keyring, PLACE, ALLOW))
        except S3CSEError as error:
            errors += [error, "".join(traceback.format_exception(error)), error.__cause__]
    assert len(errors) >= 30
    assert_nothing_shows(errors, kms)


def test_envelope_may_travel_without_the_key(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile
) -> None:
    """An envelope is in plans: it holds the wrapped key only."""
    write_object(store, keyring, profile, TEXT)
    envelope = read_envelope(store.metadata())
    assert pickle.loads(pickle.dumps(envelope)) == envelope
    assert_nothing_shows([envelope], kms)
