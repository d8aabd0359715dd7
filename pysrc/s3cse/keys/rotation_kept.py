"""What S3 must be told again when only an object's envelope is replaced, so that everything else stays.

S3 takes nothing along by itself where metadata are replaced, and where an object is written in parts. Tags go along
with a copy in one request, but not with the others. Source: S3 API reference, CopyObject and CreateMultipartUpload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from s3cse.envelope.detect import without_envelope
from s3cse.errors import SettingsError, TransferError
from s3cse.storage.port import StoredObject
from s3cse.storage.s3 import S3Store

_SAID_AGAIN = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
    "StorageClass",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
)
_CHECKSUM = "Checksum"
_NO_ALGORITHMS = ("ChecksumType", "ChecksumMode")
_GRANTS = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE_ACP": "GrantWriteACP",
}
_GRANTEES = (("ID", "id"), ("URI", "uri"), ("EmailAddress", "emailAddress"))
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
_ENCODED = "=?"  # RFC 2047: text that is not ASCII, which S3 would take literally


def said_again(stored: StoredObject) -> dict[str, Any]:
    """Return boto3's arguments for what the headers say of an object beside its metadata."""
    return {name: stored.details[name] for name in _SAID_AGAIN if name in stored.details}


def checksum_algorithm(stored: StoredObject) -> dict[str, str]:
    """Return boto3's argument for the checksum that an object has; none where it has none."""
    for name in stored.details:
        if name.startswith(_CHECKSUM) and name not in _NO_ALGORITHMS:
            return {"ChecksumAlgorithm": name.removeprefix(_CHECKSUM)}
    return {}


def other_metadata(stored: StoredObject) -> dict[str, str]:
    """Return an object's metadata without its envelope.

    Raises:
        SettingsError: it would not be the same after it is said again.
    """
    others = without_envelope(stored.metadata)
    check_sayable(stored, others)
    return others


def check_sayable(stored: StoredObject, metadata: Mapping[str, str]) -> None:
    """Refuse metadata that S3 would not store again as they are.

    Raises:
        SettingsError: there are names or values that are not ASCII.
    """
    if stored.details.get("MissingMeta") or stored.doubled or any(_ENCODED in text for text in metadata.values()):
        raise SettingsError(
            "the object's own metadata cannot be said again as they are, and S3 needs that here",
            found="names or values that are not ASCII",
            expected="ASCII",
            fix="copy the object onto itself with metadata in ASCII first (Client.copy_object, REPLACE)",
        )


def tagging(store: S3Store, stored: StoredObject) -> dict[str, str]:
    """Return boto3's argument for an object's tags: no request where it has none.

    Raises:
        TransferError: S3 does not tell them.
    """
    if not stored.details.get("TagCount"):
        return {}
    place = stored.location
    answer = store.ask(place, "get_object_tagging", "tell the tags of", Bucket=place.bucket, Key=place.key)
    return {"Tagging": urlencode([(row["Key"], row["Value"]) for row in answer["TagSet"]])}


def grants(store: S3Store, stored: StoredObject) -> dict[str, str]:
    """Return boto3's arguments for an object's grants, in one request; none where only the owner has any.

    Raises:
        TransferError: S3 does not tell them.
    """
    place = stored.location
    answer = store.ask(place, "get_object_acl", "tell the grants of", Bucket=place.bucket, Key=place.key)
    return grant_arguments(answer.get("Grants", ()), answer.get("Owner", {}).get("ID"))


def grant_arguments(rows: Sequence[Mapping[str, Any]], owner: str | None) -> dict[str, str]:
    """Return grants as the arguments of a write.

    Args:
        rows: of get_object_acl.
        owner: the owner's id, whose full control is what every new object has.
    """
    found: dict[str, list[str]] = {}
    for row in rows:
        grantee = row.get("Grantee", {})
        named = [f'{word}="{grantee[name]}"' for name, word in _GRANTEES if grantee.get(name)]
        if named and row.get("Permission") in _GRANTS:
            found.setdefault(_GRANTS[row["Permission"]], []).append(named[0])
    if found == {"GrantFullControl": [f'id="{owner}"']}:
        return {}
    return {name: ", ".join(grantees) for name, grantees in found.items()}


def check_not_archived(stored: StoredObject) -> None:
    """Refuse an object that S3 cannot read now, before a key service is asked for it.

    Raises:
        TransferError: it is archived, and not restored.
    """
    archived = stored.details.get("StorageClass") in _ARCHIVES or stored.details.get("ArchiveStatus")
    if archived and 'ongoing-request="false"' not in str(stored.details.get("Restore", "")):
        raise TransferError(
            "the object is archived",
            found=f"storage class {stored.details.get('StorageClass')}",
            expected="one that S3 can read at once, or a restored copy",
            fix="restore it (aws s3api restore-object), and do this again",
            code="InvalidObjectState",
        )
