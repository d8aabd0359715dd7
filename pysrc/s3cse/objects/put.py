"""Writing an object that is in memory: one request where it is small, an upload in parts where it is not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.memory import wipe
from s3cse.envelope.profiles import AnyProfile, CustomerKeyProfile, MessageProfile, Profile
from s3cse.errors import TransferError
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.message_keys import checked_message_keyring
from s3cse.message.options import MessageOptions
from s3cse.message.suites import SUITES
from s3cse.message.whole import encrypt
from s3cse.objects.body import body_encryptor
from s3cse.objects.content_key import new_envelope
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.instruction_swap import InstructionSwap
from s3cse.objects.message_context import whole_context
from s3cse.objects.naming import naming
from s3cse.objects.new_object import needs_keyring, new_object
from s3cse.objects.settlement import UnsettledError
from s3cse.objects.staged import StagedUpload, complete, is_complete, settled
from s3cse.objects.upload import PART_BYTES, check_length
from s3cse.storage.port import Location, ObjectStore, Receipt

if TYPE_CHECKING:
    from typing_extensions import Buffer

_DEFAULT_MESSAGE = MessageOptions()


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object that is visible; ``receipt`` is None where S3's answer was lost and a HEAD showed that it is."""

    location: Location
    receipt: Receipt | None
    plaintext_bytes: int
    stored_bytes: int


def put_object(
    store: ObjectStore,
    location: Location,
    keyring: Keyring | None,
    profile: AnyProfile,
    plaintext: Buffer,
    *,
    storage: EnvelopeStorage | None = None,
    part_bytes: int = PART_BYTES,
    message: MessageOptions = _DEFAULT_MESSAGE,
    backend: Backend | None = None,
) -> WrittenObject:
    """Encrypt and store one object that is in memory; it is visible on return.

    Copies: the plaintext once, into the buffer in which it is encrypted. Memory: the object's length up to
    ``part_bytes``, else as its writer says.

    Args:
        store, keyring, profile, message: see new_object.
        storage: where the envelope goes, and the user's own metadata.
        part_bytes: what is longer goes up in parts of this length.

    Raises:
        KeyringError: no data key can be had.
        SettingsError: the envelope does not fit into the object's metadata, or the length into the format.
        TransferError: S3 did not take it; nothing of it is visible.
    """
    storage = storage or EnvelopeStorage()
    with memoryview(plaintext) as given, given.cast("B") as view:
        if len(view) <= part_bytes:
            with naming(location):
                return _at_once(store, location, keyring, profile, view, storage, message, backend)
        with new_object(
            store,
            location,
            keyring,
            profile,
            length=len(view),
            storage=storage,
            part_bytes=part_bytes,
            message=message,
            backend=backend,
        ) as writer:
            writer.write(view)
            staged = writer.finish()
    return WrittenObject(location, publish(store, staged), staged.plaintext_bytes, staged.stored_bytes)


def publish(store: ObjectStore, staged: StagedUpload) -> Receipt | None:
    """Complete an upload, or drop it where that fails, and put back the instruction file that was there before.

    Raises:
        TransferError: S3 did not complete it. Where it did not even abort it, the upload stays listed, and its
            instruction file in place.
    """
    swap = InstructionSwap(staged.instruction)
    try:
        return complete(store, staged, swap)
    except BaseException as error:
        with suppress(TransferError):  # the error that led here matters more
            store.abort_upload(staged.location, staged.upload_id)
            # With the upload gone, what is not there now does not come any more.
            if swap.placed and not is_complete(store, staged):
                swap.take_back(store)
            elif swap.placed and isinstance(error, UnsettledError):
                return None
        raise


def _at_once(
    store: ObjectStore,
    location: Location,
    keyring: Keyring | None,
    profile: AnyProfile,
    view: memoryview,
    storage: EnvelopeStorage,
    message: MessageOptions,
    backend: Backend | None,
) -> WrittenObject:
    if isinstance(profile, Profile) and keyring is not None:
        return _in_one_request(store, location, keyring, profile, view, storage, backend or default_backend())
    storage.check(profile)
    metadata = storage.without_envelope(marked=False)
    body: Buffer = view
    if isinstance(profile, MessageProfile) and keyring is not None:
        body = encrypt(
            view,
            checked_message_keyring(keyring),
            context=whole_context(keyring, message),
            required_keys=message.required_keys,
            suite=SUITES[message.suite],
            frame_length=message.frame_length,
            backend=backend,
        )
    elif not isinstance(profile, CustomerKeyProfile):
        raise needs_keyring(profile.name)
    stored_bytes = memoryview(body).nbytes
    return WrittenObject(location, store.put(location, body, metadata), len(view), stored_bytes)


def _in_one_request(
    store: ObjectStore,
    location: Location,
    keyring: Keyring,
    profile: Profile,
    view: memoryview,
    storage: EnvelopeStorage,
    backend: Backend,
) -> WrittenObject:
    algorithm = profile.content_algorithm
    storage.check(profile)
    check_length(algorithm, len(view))
    envelope, key = new_envelope(profile, keyring.new_data_key(profile))
    form = storage.form(envelope, len(view))
    body = bytearray(view)
    encryptor = body_encryptor(backend, algorithm, key.view(), envelope.iv)
    try:
        encryptor.seal_last(0, body)
    except BaseException:
        wipe(body)
        raise
    finally:
        encryptor.close()
    file = storage.file(location, form)
    staged = StagedUpload(location, "", (), form.metadata, len(view), len(body), file)
    receipt = store.put(location, body, form.metadata) if file is None else _put_with_file(store, staged, body)
    return WrittenObject(location, receipt, len(view), len(body))


def _put_with_file(store: ObjectStore, staged: StagedUpload, body: bytearray) -> Receipt | None:
    """Store an object after its instruction file; a lost answer is settled by HEADs, because the file depends on it.

    S3 takes an object at once or never, so one that is not there after the last HEAD does not come any more.
    """
    swap = InstructionSwap(staged.instruction)
    with swap.first(store):
        try:
            return store.put(staged.location, body, staged.metadata)
        except BaseException as error:
            if not settled(store, staged, error, swap):
                swap.take_back(store)
                raise
            if not isinstance(error, TransferError):
                raise  # an interrupt: the object is there, and so is its file
            return None
