"""Objects whose name is that of an instruction file: some are one, and some are objects of their own."""

from __future__ import annotations

from s3cse.envelope import detect
from s3cse.envelope.instruction_file import INSTRUCTION_MARKER, INSTRUCTION_SUFFIX, MAX_INSTRUCTION_BYTES
from s3cse.objects.envelope_storage import fetch_instruction_file
from s3cse.storage.port import Location, ObjectStore, StoredObject


def is_instruction_file(
    store: ObjectStore, stored: StoredObject, suffixes: tuple[str, ...] = (INSTRUCTION_SUFFIX,)
) -> bool:
    """Whether an object is the instruction file of another one.

    What is marked as one is. Some clients mark none: what has such a name, and no envelope of its own, is one if it
    reads as one, which costs a GET.

    Raises:
        TransferError: S3 refused.
    """
    if INSTRUCTION_MARKER in stored.metadata:
        return True
    named = stored.location.key.endswith(suffixes) and 0 < stored.size <= MAX_INSTRUCTION_BYTES
    if not named or not detect.wants_instruction_file(stored.metadata, stored.doubled):
        return False
    return reads_as_file(store, stored.location)


def reads_as_file(store: ObjectStore, place: Location) -> bool:
    """Whether what is there is an instruction file by its content: one GET.

    Raises:
        TransferError: S3 refused.
    """
    found = fetch_instruction_file(store, place)
    return found is not None and detect.is_instruction_file(found[1])
