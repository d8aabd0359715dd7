"""What the first bytes of an object say: messages of the AWS Encryption SDK have their envelope there."""

from __future__ import annotations

from s3cse.errors import EnvelopeError, PolicyError
from s3cse.keys.evidence import take_message_keys
from s3cse.keys.row import IN_BODY, MESSAGE, Row
from s3cse.message.header import Header, read_header
from s3cse.message.input import BufferInput
from s3cse.storage.port import ObjectStore, StoredObject

#: Enough for the header of a message under a few keys; a longer one is fetched again.
_FIRST_BYTES = 4 << 10
_MOST_BYTES = 256 << 10
_MOST_KEYS = 1000
#: Version 1 and its type, or version 2 and the beginning of its suites' numbers.
_STARTS = (b"\x01\x80", b"\x02\x04", b"\x02\x05")


def look_inside(store: ObjectStore, stored: StoredObject, row: Row) -> bool:
    """Write into the row what a message says, and return whether the object is one; one GET, two for long headers.

    Raises:
        TransferError: S3 did not send it.
    """
    header = None
    for most in (_FIRST_BYTES, _MOST_BYTES):
        start = bytearray(min(stored.size, most))
        if start:
            store.get_into(stored.location, 0, start, stored.etag)
        if not start.startswith(_STARTS):
            break
        try:
            header = read_header(BufferInput(start), _MOST_KEYS).header
            break
        except (EnvelopeError, PolicyError) as error:
            if len(start) == stored.size or most == _MOST_BYTES:
                row.note(f"it begins like an Encryption SDK message, and is none that can be read: {error}")
    row.looked_inside = True
    if header is None:
        return False
    _take(row, header)
    return True


def _take(row: Row, header: Header) -> None:
    row.format, row.envelope_in = MESSAGE, IN_BODY
    row.content_algorithm = f"0x{header.suite.id:04x}"
    row.authenticated = True
    row.legacy = not header.suite.commits
    row.encryption_context = dict(header.context)
    take_message_keys(row, header.encrypted_data_keys)
