"""What an upload in parts that the caller cuts will be: sizes, metadata, and what encrypts its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.client.message_part_seals import MessageSealer
from s3cse.client.part_seals import PartSealer, Unsealed, part_sealer
from s3cse.client.setup import Setup
from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.envelope.profiles import MessageProfile, Profile
from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.message.frames import FramePlan
from s3cse.message.sealing import Sealing
from s3cse.message.suites import SUITES
from s3cse.objects.content_key import new_envelope
from s3cse.objects.envelope_storage import EnvelopeStorage, InstructionFile
from s3cse.objects.message_context import whole_context
from s3cse.objects.upload import MAX_PARTS, check_length
from s3cse.storage.port import Location

#: What S3 takes for a part that is not the last; the last one also holds the tag.
MIN_PART_BYTES = 5 << 20
MAX_PART_BYTES = (5 << 30) - BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """One upload, before it begins.

    Attributes:
        length: of the plaintext in bytes, and
        part_bytes: that of every part but the last; both None where S3 encrypts and nothing was said.
        metadata: of the object.
        stored_bytes: of the object; None where nothing was said.
        sealer: encrypts the parts.
        file: the instruction file of the object, if it has one.
    """

    length: int | None
    part_bytes: int | None
    metadata: Mapping[str, str]
    stored_bytes: int | None
    sealer: PartSealer
    file: InstructionFile | None = None


def plan_upload(
    setup: Setup, location: Location, metadata: Mapping[str, str], length: object, part_bytes: object
) -> UploadPlan:
    """Return what an upload will be; asks the key service once.

    Raises:
        SettingsError: sizes that do not do, or metadata that does not fit.
        KeyringError: no data key can be had.
    """
    storage = setup.envelope_storage(metadata)
    keyring, profile = setup.wrapping(location)
    if keyring is None:
        storage.check(profile)
        own = storage.without_envelope(marked=True)
        if length is None and part_bytes is None:
            return UploadPlan(None, None, own, None, Unsealed())
        checked, step = _checked_sizes(length, part_bytes)
        return UploadPlan(checked, step, own, checked, Unsealed())
    checked, step = _checked_sizes(length, part_bytes)
    if isinstance(profile, MessageProfile):
        storage.check(profile)
        return _of_message(setup, keyring, storage, checked, step)
    if not isinstance(profile, Profile):
        raise SettingsError(f"profile {profile.name!r} has no keyring", expected="customer keys")
    return _of_envelope(keyring, profile, storage, location, checked, step)


def _of_envelope(
    keyring: Keyring, profile: Profile, storage: EnvelopeStorage, location: Location, length: int, part_bytes: int
) -> UploadPlan:
    storage.check(profile)
    check_length(profile.content_algorithm, length)
    data_key = keyring.new_data_key(profile)  # what can be refused without a call of the key service has been
    envelope, key = new_envelope(profile, data_key)
    form = storage.form(envelope, length)
    file = storage.file(location, form)
    sealer = part_sealer(default_backend(), envelope, key)
    key.wipe()
    data_key.plaintext.wipe()
    stored_bytes = profile.content_algorithm.stored_bytes(length)
    return UploadPlan(length, part_bytes, form.metadata, stored_bytes, sealer, file)


def _of_message(setup: Setup, keyring: Keyring, storage: EnvelopeStorage, length: int, part_bytes: int) -> UploadPlan:
    options = setup.message
    suite, frame_length = SUITES[options.suite], options.frame_length
    if length > part_bytes and part_bytes % frame_length:
        raise SettingsError(
            "parts of a message hold whole frames",
            found=f"PartSize {part_bytes}, frames of {frame_length} bytes",
            expected=f"a multiple of {frame_length}",
            fix="choose such a PartSize, or use upload_fileobj, which cuts parts by itself",
        )
    if length > part_bytes and suite.curve is not None:
        raise SettingsError(
            "a signed message is written in its order, and not in parts that come as they come",
            found=f"suite {suite}",
            expected="an unsigned suite",
            fix="use upload_fileobj, which cuts parts by itself, or one part",
        )
    metadata = storage.without_envelope(marked=True)
    plan = FramePlan(length, frame_length)
    context = whole_context(keyring, options)
    sealing = Sealing(keyring, suite, context, options.required_keys, frame_length, length)
    stored_bytes = len(sealing.raw_header) + plan.body_bytes + sealing.footer_bytes
    return UploadPlan(length, part_bytes, metadata, stored_bytes, MessageSealer(sealing))


def _checked_sizes(length: object, part_bytes: object) -> tuple[int, int]:
    if not isinstance(length, int) or length < 0:
        raise SettingsError(
            "an encrypted upload in parts needs its PlaintextLength",
            found=repr(length),
            expected="the length of the whole plaintext in bytes",
            fix="say it, or use upload_fileobj, which needs none",
        )
    if not isinstance(part_bytes, int) or part_bytes <= 0 or part_bytes % BLOCK_BYTES:
        raise SettingsError(
            "an encrypted upload in parts needs its PartSize",
            found=repr(part_bytes),
            expected="a multiple of 16 bytes",
        )
    if part_bytes > MAX_PART_BYTES or (length > part_bytes and part_bytes < MIN_PART_BYTES):
        raise SettingsError(
            "S3 does not take parts of this size",
            found=f"{part_bytes} bytes",
            expected=f"{MIN_PART_BYTES} to {MAX_PART_BYTES} bytes, apart from the last part",
            fix="choose another PartSize",
        )
    if length > MAX_PARTS * part_bytes:
        raise SettingsError(
            "the upload would have too many parts",
            found=f"{-(-length // part_bytes)} parts",
            expected=f"at most {MAX_PARTS}",
            fix="choose a larger PartSize",
        )
    return length, part_bytes
