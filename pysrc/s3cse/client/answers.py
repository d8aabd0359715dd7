"""What comes back: answers in boto3's shape.

ETags, versions and dates are S3's own, of the stored object; so are the HTTP headers and ids in ``ResponseMetadata``,
which are those of the first request. Lengths, ranges and metadata are the plaintext's and the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3cse.objects.envelope_storage import UPLOAD_MARK
from s3cse.objects.ranges import Span
from s3cse.storage.port import Receipt, StoredObject

_OK, _PARTIAL = 200, 206
_ENVELOPE_PREFIX = "x-amz-"


def is_envelopes(name: str) -> bool:
    """Whether a metadata name belongs to the envelope and not to the user, whose names never begin like that."""
    return name.startswith(_ENVELOPE_PREFIX) or name == UPLOAD_MARK


def user_metadata(stored: StoredObject) -> dict[str, str]:
    """Return the user's own metadata."""
    return {name: value for name, value in stored.metadata.items() if not is_envelopes(name)}


def envelope_metadata(stored: StoredObject) -> dict[str, str]:
    """Return the metadata that belongs to the envelope."""
    return {name: value for name, value in stored.metadata.items() if is_envelopes(name)}


def description(stored: StoredObject, length: int, span: Span | None) -> dict[str, Any]:
    """Return what get_object and head_object say of an object.

    Checksums are left out: S3's are the ciphertext's, and who gets one with plaintext compares the two.

    Args:
        length: of the plaintext in bytes.
        span: the plaintext range that was asked for; None: all.
    """
    answer = {name: value for name, value in stored.details.items() if not name.startswith("Checksum")}
    answer.update(ETag=stored.etag, Metadata=user_metadata(stored), ContentLength=length)
    if span is not None:
        answer.update(ContentLength=len(span), ContentRange=f"bytes {span.start}-{span.end - 1}/{length}")
    metadata = _metadata(stored.details)
    answer["ResponseMetadata"] = {**metadata, "HTTPStatusCode": _OK if span is None else _PARTIAL}
    return answer


def written(receipt: Receipt | None, stored: StoredObject | None) -> dict[str, Any]:
    """Return what put_object and complete_multipart_upload say.

    Args:
        receipt: S3's answer; None where it was lost.
        stored: then, what a HEAD says.
    """
    if receipt is not None:
        return {"ResponseMetadata": _metadata({}), **receipt.details, "ETag": receipt.etag}
    answer: dict[str, Any] = {"ResponseMetadata": _metadata({})}
    if stored is not None:
        answer["ETag"] = stored.etag
        answer.update({name: stored.details[name] for name in ("VersionId",) if name in stored.details})
    return answer


def done(**fields: Any) -> dict[str, Any]:
    """Return an answer that says these things and that all is well."""
    return {"ResponseMetadata": _metadata({}), **fields}


def _metadata(details: Mapping[str, Any]) -> dict[str, Any]:
    return dict(details.get("ResponseMetadata", {"HTTPStatusCode": _OK}))
