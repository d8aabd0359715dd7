"""Where a new object's envelope goes: into its own metadata, or into an instruction file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s3cse.crypto.randomness import random_bytes
from s3cse.envelope.instruction_file import INSTRUCTION_MARKER, INSTRUCTION_SUFFIX, MAX_INSTRUCTION_BYTES
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C, AnyProfile
from s3cse.envelope.stored_form import METADATA_LIMIT_BYTES, STORAGE, StoredForm, fits, stored_form
from s3cse.errors import SettingsError, TransferError
from s3cse.storage.port import Location, ObjectStore, StoredObject
from s3cse.wording import Option, Worded

#: Tells one upload of an object from another where the object's own metadata holds nothing of the envelope.
UPLOAD_MARK = "s3cse-upload"
_NO_FILES = {
    "redshift": "Redshift reads no instruction files",
    ENCRYPTION_SDK: "an Encryption SDK message holds its envelope, so it has no instruction file",
    SSE_C: "an object that S3 encrypts has no envelope, so no instruction file",
}


def upload_mark() -> dict[str, str]:
    """Return a new mark, as metadata."""
    return {UPLOAD_MARK: random_bytes(16).hex()}


@dataclass(frozen=True, slots=True)
class InstructionFile:
    """An instruction file to be written: its place, body and metadata. Holds no secret."""

    location: Location
    body: bytes
    metadata: Mapping[str, str] = field(default_factory=lambda: {INSTRUCTION_MARKER: ""})


def fetch_instruction_file(store: ObjectStore, location: Location) -> tuple[StoredObject, bytes] | None:
    """Return the headers and the body of an instruction file, None where there is none.

    Of a longer object than any instruction file the body is only its end, one byte more than MAX_INSTRUCTION_BYTES.
    """
    try:
        return store.get_tail(location, MAX_INSTRUCTION_BYTES + 1)
    except TransferError as error:
        if error.status != 404:
            raise
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeStorage:
    """How an object and its envelope are stored.

    Args:
        kind: ``metadata`` | ``instruction-file``.
        suffix: what the instruction file's name adds to the object's.
        metadata: the user's own, stored on the object.

    Raises:
        SettingsError: another kind, an empty suffix, or metadata under the envelope's names.
    """

    kind: str = "metadata"
    suffix: str = INSTRUCTION_SUFFIX
    metadata: Mapping[str, str] = field(default_factory=dict)
    _mark: Mapping[str, str] = field(default_factory=upload_mark, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in STORAGE:
            raise SettingsError("storage has no such value", found=repr(self.kind), expected=" | ".join(STORAGE))
        if not self.suffix:
            raise SettingsError("the instruction file's suffix is empty", expected=repr(INSTRUCTION_SUFFIX))
        taken = sorted(name for name in self.metadata if name.lower().startswith("x-amz-"))
        if taken:
            raise SettingsError(
                "the metadata uses names of the envelope",
                found=", ".join(taken),
                expected="names that do not begin with x-amz-",
                fix="leave them out: they are added where they belong",
            )

    @property
    def in_file(self) -> bool:
        """Whether there is an instruction file."""
        return self.kind == "instruction-file"

    def check(self, profile: AnyProfile) -> None:
        """Refuse a profile whose objects have no instruction files.

        Raises:
            SettingsError: Redshift's COPY takes envelopes in metadata only (FORMATS.md section 18); messages have
                theirs in the body; SSE-C has none.
        """
        if self.in_file and profile.name in _NO_FILES:
            raise SettingsError(
                _NO_FILES[profile.name],
                found=Worded("{} {!r} with {} {!r}", Option("profile"), profile.name, Option("storage"), self.kind),
                expected=Worded("{} 'metadata'", Option("storage")),
            )

    def without_envelope(self, *, marked: bool) -> dict[str, str]:
        """Return the metadata of an object whose metadata holds no envelope.

        Args:
            marked: with a mark that tells this upload of the object from others.

        Raises:
            SettingsError: it does not fit.
        """
        metadata = {**self.metadata, **(self._mark if marked else {})}
        if not fits(metadata):
            raise SettingsError("the metadata does not fit", expected=f"at most {METADATA_LIMIT_BYTES} bytes")
        return metadata

    def form(self, envelope: Envelope, plaintext_bytes: int) -> StoredForm:
        """Return the object's metadata, the user's included, and the instruction file's body, if there is one.

        Raises:
            SettingsError: the metadata does not fit.
        """
        others = {**self.metadata, **(self._mark if self.in_file else {})}
        form = stored_form(envelope, plaintext_bytes, self.kind, other_metadata=others)
        return StoredForm({**others, **form.metadata}, form.instruction)

    def file(self, location: Location, form: StoredForm) -> InstructionFile | None:
        """Return the instruction file of an object, if it has one."""
        if form.instruction is None:
            return None
        return InstructionFile(Location(location.bucket, location.key + self.suffix), form.instruction)
