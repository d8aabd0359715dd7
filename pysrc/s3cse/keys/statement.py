"""What one object says of itself, without any key: for ``s3cse stat``. Nothing of it is verified.

Whoever can write the object can change what it says; only opening it tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.envelope.profiles import ENCRYPTION_SDK
from s3cse.errors import EnvelopeError, PolicyError, TransferError, printable
from s3cse.keys import row as words
from s3cse.keys.evidence import named
from s3cse.keys.found import Found
from s3cse.keys.inspection import Inspection
from s3cse.keys.row import Row
from s3cse.message.header import Header
from s3cse.objects.describe import describe
from s3cse.storage.port import Location, ObjectStore, StoredObject
from s3cse.storage.s3 import S3Store

_BAD_REQUEST = 400
_MOST_KEYS = 1000
_WANTS_KEY = "server side encryption"  # S3's words for: this object has a customer key


@dataclass(frozen=True, slots=True)
class MessageKeyShown:
    """One wrapped data key of a message: the provider's id, and its information about the key as text."""

    provider_id: str
    provider_info: str


@dataclass(frozen=True, slots=True)
class MessageShown:
    """The header of an Encryption SDK message. ``frame_bytes`` 0: the body is one piece."""

    version: int
    suite: str
    suite_means: str
    frame_bytes: int
    header_keys: tuple[MessageKeyShown, ...]

    @classmethod
    def of(cls, header: Header) -> MessageShown:
        """Return what is shown of a header."""
        suite = header.suite
        means = [f"AES-{8 * suite.key_bytes}-GCM", f"HKDF-{suite.hash.upper()}" if suite.hash else "no key derivation"]
        means += ["key commitment"] if suite.commits else []
        means += [f"signed with ECDSA {suite.curve}"] if suite.curve else ["not signed"]
        keys = tuple(
            MessageKeyShown(printable(key.provider_id), named(key).removeprefix(f"{printable(key.provider_id)}:"))
            for key in header.encrypted_data_keys
        )
        return cls(suite.version, str(suite), ", ".join(means), header.frame_length, keys)


@dataclass(frozen=True, slots=True)
class Statement:
    """What an object says: as in an inventory, with the user's own metadata and a message's header."""

    row: Row
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None
    message: MessageShown | None = None


def state(
    store: ObjectStore, place: Location, *, version_id: str | None = None, suffix: str = INSTRUCTION_SUFFIX
) -> Statement:
    """Look at one object: two HEADs, and a GET or two where its envelope is not in its headers.

    Args:
        version_id: an old version; for S3 itself only.
        suffix: what the name of an instruction file adds to that of its object.

    Raises:
        TransferError: there is no such object, or S3 refused.
    """
    if version_id is not None and isinstance(store, S3Store):
        version = {"VersionId": version_id}
        store = store.sending({"head_object": version, "get_object": version}, about=place)
    try:
        stored = store.head(place)
    except TransferError as error:
        if error.status != _BAD_REQUEST:
            raise
        return Statement(_under_customer_key(store, place, version_id, error))
    if stored is None:
        raise TransferError(
            "there is no such object",
            uri=place.uri,
            found="nothing",
            expected="an object",
            status=404,
            code="NoSuchKey",
        )
    row = Inspection(store=store, suffix=suffix, look_inside=True).row(Found(place, version_id=version_id))
    own = {name: text for name, text in stored.metadata.items() if not name.startswith("x-amz-")}
    return Statement(row, stored.details.get("ContentType"), own, _message(store, stored, row, suffix))


def _message(store: ObjectStore, stored: StoredObject, row: Row, suffix: str) -> MessageShown | None:
    """Return what is shown of a message, and write its plaintext's length, a claim, into the row; a GET or two."""
    if row.format != words.MESSAGE:
        return None
    try:
        found = describe(
            store, stored, suffix, profile=ENCRYPTION_SDK, look=True, max_encrypted_data_keys=_MOST_KEYS
        ).message
    except (EnvelopeError, PolicyError) as error:
        row.note(str(error))
        return None
    if found is None:
        return None
    row.plaintext_bytes = found.plaintext_bytes
    return MessageShown.of(found.header)


def _under_customer_key(store: ObjectStore, place: Location, version_id: str | None, refusal: TransferError) -> Row:
    """Return what can be known of an object that S3 shows nobody without its key: what its listing has.

    Raises:
        TransferError: S3 refused for another reason; a GET is told why.
    """
    try:
        store.get_tail(place, 1)
    except TransferError as error:
        text = (error.found or "").lower()
        if error.status != _BAD_REQUEST or not ("customer" in text or _WANTS_KEY in text):
            raise
    else:
        raise refusal
    row = Row(place.bucket, place.key, version_id, server_side_encryption="SSE-C", format=words.SSE_C)
    if version_id is None:
        for listed in store.list_page(place).objects:
            if listed.location == place:
                row.stored_bytes = row.plaintext_bytes = listed.size
                row.etag, row.last_modified = listed.etag, listed.last_modified
    return row
