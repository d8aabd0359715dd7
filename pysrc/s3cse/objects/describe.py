"""What an object is by its headers and its instruction file alone: no body, no key."""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.crypto.ciphers import GCM_TAG_BYTES
from s3cse.envelope.detect import read_envelope, wants_instruction_file
from s3cse.envelope.model import Envelope
from s3cse.objects.envelope_storage import InstructionFile, fetch_instruction_file
from s3cse.storage.port import Location, ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class Description:
    """An object's headers, its envelope (None: it is plain) and its instruction file, if it has one."""

    stored: StoredObject
    envelope: Envelope | None
    instruction: InstructionFile | None

    @property
    def plaintext_bytes(self) -> int | None:
        """The plaintext length, or None where only the last block tells it: of CBC objects.

        Of a GCM object shorter than its tag it is negative: no such object is valid.
        """
        if self.envelope is None:
            return self.stored.size
        return self.stored.size - GCM_TAG_BYTES if self.envelope.authenticated else None


def describe(store: ObjectStore, stored: StoredObject, suffix: str) -> Description:
    """Read the envelope of an object whose headers are known; one more request where it is in an instruction file.

    Raises:
        EnvelopeError: it is not valid.
        TransferError: S3 did not send the instruction file.
    """
    file = None
    if stored.size and wants_instruction_file(stored.metadata, stored.doubled):
        place = Location(stored.location.bucket, stored.location.key + suffix)
        found = fetch_instruction_file(store, place)
        if found is not None:
            file = InstructionFile(place, found[1], found[0].metadata)
    envelope = read_envelope(stored.metadata, stored.doubled, file.body if file else None)
    return Description(stored, envelope, file)
