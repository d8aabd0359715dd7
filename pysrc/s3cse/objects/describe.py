"""What an object is by its headers, its instruction file and the front of its body alone: no key."""

from __future__ import annotations

from dataclasses import dataclass, field

from s3cse.crypto.ciphers import GCM_TAG_BYTES
from s3cse.envelope.detect import read_envelope, wants_instruction_file
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C
from s3cse.message.limits import DEFAULT_MAX_ENCRYPTED_DATA_KEYS
from s3cse.objects.envelope_storage import InstructionFile, fetch_instruction_file
from s3cse.objects.message_front import FRONT_BYTES, Front, is_message, no_message
from s3cse.objects.message_open import StoredMessage, look_at
from s3cse.objects.policy import Policy
from s3cse.objects.stored_bytes import StoredBytes
from s3cse.storage.port import Location, ObjectStore, StoredObject

_ANY = Policy(legacy="allow")


@dataclass(frozen=True, slots=True)
class Description:
    """An object's headers, and how it is encrypted: what of the following is None, it is not.

    Attributes:
        envelope: of an S3 format.
        instruction: the instruction file that this is in.
        message: an Encryption SDK message, **by what it says of itself**.
        customer_key: whether S3 encrypts it under a key that is sent along.
        front: the beginning of a body that was looked at and is no message.
    """

    stored: StoredObject
    envelope: Envelope | None
    instruction: InstructionFile | None
    message: StoredMessage | None = None
    customer_key: bool = False
    front: bytes | None = field(default=None, repr=False)

    @property
    def encrypted(self) -> bool:
        """Whether it was encrypted before S3 got it."""
        return self.envelope is not None or self.message is not None

    @property
    def plaintext_bytes(self) -> int | None:
        """The plaintext length, or None where only the last block tells it: of CBC objects.

        Of a GCM object shorter than its tag it is negative: no such object is valid.
        """
        if self.message is not None:
            return self.message.plaintext_bytes
        if self.envelope is None:
            return self.stored.size
        return self.stored.size - GCM_TAG_BYTES if self.envelope.authenticated else None

    def check(self, policy: Policy, profile: str | None = None) -> None:
        """Refuse what the rules do not allow, or what is not of the profile that was named.

        Raises:
            PolicyError: with the option that would allow it.
            EnvelopeError: a message was named, and it is none.
        """
        if self.customer_key:
            return
        if self.message is not None:
            policy.check_message(self.message.header.suite)
            return
        if self.envelope is None and profile == ENCRYPTION_SDK:
            raise no_message(self.front or b"")
        policy.check(self.envelope)


def describe(
    store: ObjectStore,
    stored: StoredObject,
    suffix: str,
    *,
    profile: str | None = None,
    look: bool = False,
    max_encrypted_data_keys: int = DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
) -> Description:
    """Read the envelope of an object whose headers are known.

    One more request where it is in an instruction file, and one or two where the body's front has to be looked at.

    Args:
        suffix: what the name of an instruction file adds to the object's.
        profile: as for open_object.
        look: see whether a body without an envelope is a message.
        max_encrypted_data_keys: that a message may have.

    Raises:
        EnvelopeError: it is not valid.
        PolicyError: a message has too many wrapped keys.
        TransferError: S3 did not send the instruction file, or the front.
    """
    if profile == SSE_C:
        return Description(stored, None, None, customer_key=True)
    wants_file = bool(stored.size) and wants_instruction_file(stored.metadata, stored.doubled)
    named, front = profile == ENCRYPTION_SDK, None
    if named and wants_file:
        front = _front(store, stored)
        if is_message(front) and read_envelope(stored.metadata, stored.doubled) is None:
            return _message(store, stored, front, max_encrypted_data_keys)
    file = None
    if wants_file:
        place = Location(stored.location.bucket, stored.location.key + suffix)
        found = fetch_instruction_file(store, place)
        if found is not None:
            file = InstructionFile(place, found[1], found[0].metadata)
    envelope = read_envelope(stored.metadata, stored.doubled, file.body if file else None)
    if envelope is None and wants_file and look and front is None:
        front = _front(store, stored)
        if is_message(front):
            return _message(store, stored, front, max_encrypted_data_keys)
    return Description(stored, envelope, file, front=front)


def _front(store: ObjectStore, stored: StoredObject) -> bytes:
    return StoredBytes(store, stored, b"", b"").bring(0, min(FRONT_BYTES, stored.size))


def _message(store: ObjectStore, stored: StoredObject, front: bytes, max_keys: int) -> Description:
    bring = StoredBytes(store, stored, front, b"").bring
    message = look_at(
        Front(front, stored.size, bring),
        stored.size,
        lambda count: bring(max(0, stored.size - count), stored.size),
        max_keys,
        _ANY,
    )
    return Description(stored, None, None, message)
