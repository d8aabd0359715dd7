"""What only the key tells of an object: whether it opens, its exact length, whether it carries a segment index."""

from __future__ import annotations

from s3cse.errors import S3CSEError
from s3cse.keyrings.base import Keyring
from s3cse.keys.row import RIGHT, WRONG, Row
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.parquet.input import TAIL_BYTES, search_index
from s3cse.storage.port import Location, ObjectStore

_ALL = Policy(integrity="strict", legacy="allow", plaintext="pass")


def try_to_open(
    store: ObjectStore, keyring: Keyring, place: Location, suffix: str, claimed: str | None, row: Row
) -> None:
    """Open an object and write into the row what that tells; a GET or two, and a call of the key service.

    Nothing of its content is decrypted but its last bytes, and nothing is kept.

    Args:
        claimed: the length that the object says its plaintext has.
    """
    try:
        opened = open_object(store, keyring, place, _ALL, tail_bytes=TAIL_BYTES, instruction_suffix=suffix)
    except S3CSEError as error:
        row.opens = False
        row.note(f"the keyring does not open it: {error}")
        return
    row.opens = True
    row.plaintext_bytes = opened.plaintext_bytes
    if claimed is not None:
        row.length_header = RIGHT if claimed == str(opened.plaintext_bytes) else WRONG
    if opened.envelope is None or not opened.envelope.authenticated:
        row.indexed = False
        return
    try:
        row.indexed = search_index(opened).body is not None
    except S3CSEError as error:
        row.note(f"its end does not verify: {error}")
