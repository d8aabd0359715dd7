"""Opening an encrypted object: one suffix-range GET brings the envelope (in its headers) and the end of the body.

An object whose headers hold no wrapped key costs a second GET, for its instruction file, and one that has none a third
where it may be an Encryption SDK message, whose envelope is in its front. Where the profile is named, front and end are
asked for at once, and an instruction file only of what is no message. The order matters: the envelope's consistency,
then the caller's policy, then the key service, then the key commitment, then the body. A refused object costs no call
to the key service.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NoReturn

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import BLOCK_BYTES, Backend
from s3cse.crypto.secret import Secret
from s3cse.envelope.detect import envelope_fields, read_envelope, wants_instruction_file
from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C
from s3cse.errors import PolicyError, SettingsError, TransferError
from s3cse.keyrings.base import Keyring, replaces_description
from s3cse.message.limits import DEFAULT_FRAME_LENGTH
from s3cse.message.options import MessageOptions
from s3cse.objects import body_length
from s3cse.objects.content_key import content_key
from s3cse.objects.envelope_storage import fetch_instruction_file
from s3cse.objects.message_front import FRONT_BYTES, Front, is_message, no_message
from s3cse.objects.message_open import OpenMessage, open_stored
from s3cse.objects.naming import naming
from s3cse.objects.policy import Policy
from s3cse.objects.stored_bytes import StoredBytes
from s3cse.storage.port import Location, ObjectStore, StoredObject

#: Enough for most Parquet footers, and for a small object as a whole.
TAIL_BYTES = 64 << 10
#: Where the profile says that it will be a message: a final frame of the usual length is in it, and a footer.
MESSAGE_TAIL_BYTES = DEFAULT_FRAME_LENGTH + (1 << 10)
_DEFAULT_MESSAGE = MessageOptions()


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that was opened: what it is, how long its plaintext is, and the stored bytes that came along.

    ``tail`` holds the last stored bytes (ciphertext, tag included; plaintext where the object is plain). ``envelope``
    and ``key``, which is the body's, are those of an S3 format; ``message`` is an Encryption SDK message. An object
    that has neither is plain: as it is, or (``customer_key``) S3 encrypts it under the key that is sent along.
    ``instruction`` is what the headers of its instruction file say, if it has one. ``plaintext_bytes`` of a CBC object
    is only as true as its unauthenticated padding. Belongs to one process and cannot be pickled.
    """

    store: ObjectStore = field(repr=False)
    stored: StoredObject
    envelope: Envelope | None
    key: Secret | None
    tail: bytes = field(repr=False)
    plaintext_bytes: int
    backend: Backend = field(repr=False)
    instruction: StoredObject | None = None
    message: OpenMessage | None = field(default=None, repr=False)
    customer_key: bool = False

    @property
    def encrypted(self) -> bool:
        """Whether it was encrypted before S3 got it."""
        return self.envelope is not None or self.message is not None

    @property
    def authenticated(self) -> bool:
        """Whether its body carries tags, so that reading it whole verifies it."""
        return self.message is not None or (self.envelope is not None and self.envelope.authenticated)

    @property
    def ranges_verify(self) -> bool:
        """Whether each range of it is verified by itself when it is read, at the cost of what it is widened to."""
        return self.message is not None and self.message.ranges_verify

    @property
    def protection(self) -> str:
        """What it is, in words."""
        if self.customer_key:
            return "SSE-C: S3 encrypts it under the key that is sent along"
        return str(self.message or self.envelope or "not encrypted")

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return self.stored.location.uri

    def cipher(self) -> tuple[Envelope, Secret]:
        """Return the envelope and key of an encrypted object."""
        if self.envelope is None or self.key is None:
            raise ValueError(f"{self.uri} has no envelope of an S3 format")
        return self.envelope, self.key

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open object holds a key and cannot be pickled: send its location and open it there")


def open_object(
    store: ObjectStore,
    keyring: Keyring | None,
    location: Location,
    policy: Policy,
    *,
    profile: str | None = None,
    message: MessageOptions = _DEFAULT_MESSAGE,
    tail_bytes: int = TAIL_BYTES,
    instruction_suffix: str = INSTRUCTION_SUFFIX,
    backend: Backend | None = None,
) -> OpenObject:
    """Open an object in one GET, without a HEAD, and unwrap its data key.

    Args:
        keyring: None under SSE-C, where the store sends the key.
        profile: ``encryption-sdk``: what has no envelope of an S3 format is a message, and anything else is an error.
            ``sse-c``: it is S3 that encrypts; saying so is the consent to an integrity that is S3's affair. Others, and
            None: the object says what it is. A message is looked for where ``plaintext=refuse`` would refuse it.
        message: the context that messages must have, and how many wrapped keys they may.
        tail_bytes: how much of the end of the stored body to fetch along, at least 32.
        instruction_suffix: what the name of an instruction file adds to the object's.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError, TransferError: as their names say; each names the
            object.
        SettingsError: there is no keyring.
    """
    # Whole blocks from the end: a CBC reader decrypts from a block border on.
    length = max(-(-tail_bytes // BLOCK_BYTES), 2) * BLOCK_BYTES
    opening = _Opening(store, location, policy, message, instruction_suffix, backend or default_backend())
    with naming(location):
        if profile == SSE_C:
            return opening.under_customer_key(length)
        if keyring is None:
            raise SettingsError("this object needs a keyring", found="none", expected="a keyring")
        return opening.of_profile(keyring, length, named=profile == ENCRYPTION_SDK)


@dataclass(frozen=True, slots=True)
class _Opening:
    """One object on its way to being open; see open_object."""

    store: ObjectStore
    location: Location
    policy: Policy
    options: MessageOptions
    suffix: str
    backend: Backend

    def under_customer_key(self, length: int) -> OpenObject:
        stored, tail = self._tail(length)
        envelope = read_envelope(stored.metadata, stored.doubled)
        if envelope is not None:
            raise PolicyError(
                "the object was encrypted before S3 encrypted it under a customer key",
                found=str(envelope),
                expected="an object that S3 alone encrypts",
                fix="read it with the keyring that it was written with, and give SSECustomerKey as a parameter",
            )
        return OpenObject(self.store, stored, None, None, tail, stored.size, self.backend, customer_key=True)

    def of_profile(self, keyring: Keyring, length: int, *, named: bool) -> OpenObject:
        front = b""
        if named:
            stored, tail, front = self._both_ends(max(length, MESSAGE_TAIL_BYTES))
            if not _claims_envelope(stored) and is_message(front):
                return self._message(keyring, stored, tail, front)
        else:
            stored, tail = self._tail(length)
        file = None
        if stored.size and wants_instruction_file(stored.metadata, stored.doubled):
            file = fetch_instruction_file(self.store, Location(self.location.bucket, self.location.key + self.suffix))
        instruction, body = file or (None, None)
        envelope = read_envelope(
            stored.metadata, stored.doubled, body, damaged_description=replaces_description(keyring)
        )
        if envelope is None and named:
            raise no_message(front)
        if envelope is None and stored.size and self.policy.plaintext == "refuse":
            front = self._front_of(stored, tail)
            if is_message(front):
                return self._message(keyring, stored, tail, front)
        return self._of_envelope(keyring, stored, tail, envelope, instruction)

    def _of_envelope(
        self,
        keyring: Keyring,
        stored: StoredObject,
        tail: bytes,
        envelope: Envelope | None,
        instruction: StoredObject | None,
    ) -> OpenObject:
        body_length.check_not_empty(envelope, stored.size, self.policy)
        self.policy.check(envelope)
        if envelope is None:
            return OpenObject(self.store, stored, None, None, tail, stored.size, self.backend)
        body_length.check_size(envelope, stored.size)
        key = content_key(envelope, keyring.unwrap(envelope))
        length = body_length.plaintext_bytes(envelope, key, stored.size, tail, self.backend)
        return OpenObject(self.store, stored, envelope, key, tail, length, self.backend, instruction)

    def _message(self, keyring: Keyring, stored: StoredObject, tail: bytes, front: bytes) -> OpenObject:
        bring = StoredBytes(self.store, stored, front, tail).bring
        opened, length = open_stored(
            Front(front, stored.size, bring), stored.size, bring, keyring, self.policy, self.options, self.backend
        )
        return OpenObject(self.store, stored, None, None, tail, length, self.backend, message=opened)

    def _tail(self, length: int) -> tuple[StoredObject, bytes]:
        stored, tail = self.store.get_tail(self.location, length)
        if len(tail) != min(length, stored.size):
            raise TransferError(
                "the store returned too little of the object",
                found=f"{len(tail)} bytes",
                expected=f"{min(length, stored.size)} bytes",
                fix="use another store",
            )
        return stored, tail

    def _both_ends(self, length: int) -> tuple[StoredObject, bytes, bytes]:
        """Ask for the end and the front at once, and make sure that they are of one object."""
        with ThreadPoolExecutor(1, thread_name_prefix="s3cse-front") as threads:
            asked = threads.submit(self.store.get_front, self.location, FRONT_BYTES)
            stored, tail = self._tail(length)
            also, front = asked.result()
        if also.etag != stored.etag:
            raise TransferError(
                "the front and the end are of two objects: it was replaced meanwhile",
                found=f"ETag {also.etag}",
                expected=f"ETag {stored.etag}",
                fix="read again to get the new one whole",
                status=412,
                code="PreconditionFailed",
            )
        return stored, tail, front

    def _front_of(self, stored: StoredObject, tail: bytes) -> bytes:
        return StoredBytes(self.store, stored, b"", tail).bring(0, min(FRONT_BYTES, stored.size))


def _claims_envelope(stored: StoredObject) -> bool:
    """Whether any header says that the object is of an S3 format, or several say so at once."""
    return bool(envelope_fields(stored.metadata)) or any(name.startswith("x-amz-") for name in stored.doubled)
