"""One door to all writers: the profile decides which one makes an object."""

from __future__ import annotations

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C, AnyProfile, CustomerKeyProfile, MessageProfile, find_profile
from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.message.options import MessageOptions
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.message_upload import MessageObjectWriter
from s3cse.objects.streamed_upload import PlainWriter
from s3cse.objects.upload import PART_BYTES, SPOOL_MEMORY_BYTES, ObjectWriter
from s3cse.objects.writer import Writer
from s3cse.storage.port import Location, ObjectStore

_DEFAULT_MESSAGE = MessageOptions()


def wrapping(keyring: Keyring | None, profile: str, uri: str) -> tuple[Keyring | None, AnyProfile]:
    """Return what wraps the data key of a new object, None under SSE-C, and what is written with it.

    Args:
        keyring: None under SSE-C, where the store sends the key.
        profile: its name.
        uri: of the object, or of the folder that objects will be in.

    Raises:
        SettingsError: no such profile for this keyring, or no keyring.
        KeyringError: there is none for this object.
    """
    if profile == SSE_C:
        return None, CustomerKeyProfile()
    if keyring is None:
        raise needs_keyring(profile)
    if profile == ENCRYPTION_SDK:
        # The whole keyring: of several each may wrap the data key, and a cache may reuse it.
        return keyring, find_profile(profile, keyring.kind)
    own = keyring.for_encryption(uri)
    return own, find_profile(profile, own.kind)


def new_object(
    store: ObjectStore,
    location: Location,
    keyring: Keyring | None,
    profile: AnyProfile,
    *,
    length: int | None = None,
    storage: EnvelopeStorage | None = None,
    part_bytes: int = PART_BYTES,
    memory_bytes: int = SPOOL_MEMORY_BYTES,
    spool_directory: str | None = None,
    segment_bytes: int | None = None,
    message: MessageOptions = _DEFAULT_MESSAGE,
    backend: Backend | None = None,
) -> Writer:
    """Begin an object and return its writer: ObjectWriter, MessageObjectWriter or, under SSE-C, PlainWriter.

    Args:
        store: under SSE-C one that sends the customer key.
        keyring, profile: as ``wrapping`` returns them.
        length: of the plaintext in bytes, where it is known: no other can be finished, and nothing is spooled.
        storage: where the envelope goes, and the user's own metadata.
        part_bytes: at least 5 MiB on real S3; of the S3 formats a multiple of 16.
        memory_bytes, spool_directory, segment_bytes: see ObjectWriter; for the S3 formats only.
        message: for Encryption SDK messages only.

    Raises:
        KeyringError: no data key can be had.
        SettingsError: the envelope does not fit into the object's metadata, the length into the format, or the keyring
            to the profile.
    """
    storage = storage or EnvelopeStorage()
    if isinstance(profile, CustomerKeyProfile):
        return PlainWriter(store, location, length=length, storage=storage, part_bytes=part_bytes)
    if keyring is None:
        raise needs_keyring(profile.name)
    if isinstance(profile, MessageProfile):
        return MessageObjectWriter(
            store,
            location,
            keyring,
            profile,
            message=message,
            length=length,
            storage=storage,
            part_bytes=part_bytes,
            backend=backend,
        )
    return ObjectWriter(
        store,
        location,
        keyring,
        profile,
        length=length,
        storage=storage,
        part_bytes=part_bytes,
        memory_bytes=memory_bytes,
        spool_directory=spool_directory,
        segment_bytes=segment_bytes,
        backend=backend,
    )


def needs_keyring(profile: str) -> SettingsError:
    """Return the error for a profile whose keyring is missing."""
    return SettingsError(
        f"profile {profile!r} needs a keyring", found="none", expected="a keyring", fix=f"give one, or name {SSE_C!r}"
    )
