"""What an object is, without its body and its key."""

from __future__ import annotations

import pytest

from s3cse.envelope.profiles import Profile
from s3cse.errors import EnvelopeError
from s3cse.keyrings import KmsKeyring
from s3cse.objects.describe import Description, describe
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.put import put_object

from .fakes import PLACE, FakeKms, RecordingStore


def described(store: RecordingStore) -> Description:
    stored = store.head(PLACE)
    assert stored is not None
    return describe(store, stored, ".instruction")


@pytest.mark.parametrize("kind", ["metadata", "instruction-file"])
@pytest.mark.parametrize("size", [0, 1, 16, 100])
def test_encrypted_objects(
    store: RecordingStore, keyring: KmsKeyring, kms: FakeKms, profile: Profile, kind: str, size: int
) -> None:
    """GCM: the length by the stored one; CBC: unknown; never a key call."""
    put_object(store, PLACE, keyring, profile, bytes(size), storage=EnvelopeStorage(kind=kind))
    kms.operations.clear()
    found = described(store)
    assert found.envelope is not None
    assert found.plaintext_bytes == (size if found.envelope.authenticated else None)
    assert (found.instruction is not None) is (kind == "instruction-file")
    assert kms.operations == []


def test_plain_objects(store: RecordingStore) -> None:
    """No envelope; the length is the stored one."""
    store.put(PLACE, b"abc")
    found = described(store)
    assert (found.envelope, found.instruction, found.plaintext_bytes) == (None, None, 3)


def test_lost_instruction_file(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """An object that only claims to be encrypted is an error, not a plain object."""
    store.put(PLACE, b"x" * 32, {"x-amz-unencrypted-content-length": "16"})
    with pytest.raises(EnvelopeError):
        described(store)
