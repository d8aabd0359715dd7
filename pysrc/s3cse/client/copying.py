"""copy_object: S3 copies the ciphertext, the envelope goes along whatever is said of metadata."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from s3cse.client.answers import done, envelope_metadata
from s3cse.client.reading import existing
from s3cse.client.setup import Setup
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.describe import Description, describe
from s3cse.objects.destinations import MAX_PARTS, PARTS_IN_FLIGHT
from s3cse.objects.envelope_storage import EnvelopeStorage, InstructionFile
from s3cse.objects.naming import naming
from s3cse.objects.policy import Policy
from s3cse.objects.staged import StagedUpload, complete, instruction_first
from s3cse.objects.workers import results_in_order
from s3cse.storage.port import Location, Receipt, StoredObject, UploadedPart
from s3cse.storage.s3 import S3Store
from s3cse.storage.s3_errors import refusal

#: S3 copies no more than this in one request.
ONE_COPY_BYTES = 5 << 30
#: Larger objects are copied in parts of this size; ones beyond 5 TB / 10,000 parts in larger ones.
COPY_PART_BYTES = 512 << 20

_OF_SOURCE = {
    "CopySourceSSECustomerAlgorithm": "SSECustomerAlgorithm",
    "CopySourceSSECustomerKey": "SSECustomerKey",
    "CopySourceSSECustomerKeyMD5": "SSECustomerKeyMD5",
    "ExpectedSourceBucketOwner": "ExpectedBucketOwner",
    "RequestPayer": "RequestPayer",
}
#: What one request copies along and an upload in parts must be told.
_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
_ACCESS_POINT = "/object/"


@dataclass(frozen=True, slots=True)
class Source:
    """What is copied."""

    location: Location
    version: str | None

    @classmethod
    def parse(cls, given: object) -> Source:
        """Read boto3's CopySource: a dictionary, or ``bucket/key?versionId=…``.

        Raises:
            SettingsError: it is neither.
        """
        if isinstance(given, Mapping) and {"Bucket", "Key"} <= set(given) <= {"Bucket", "Key", "VersionId"}:
            return cls(Location(given["Bucket"], given["Key"]), given.get("VersionId"))
        if isinstance(given, str):
            path, _, version = given.partition("?versionId=")
            if path.startswith("arn:") and _ACCESS_POINT in path:
                bucket, _, key = path.partition(_ACCESS_POINT)
            else:
                bucket, _, key = path.lstrip("/").partition("/")
            if bucket and key:
                return cls(Location(bucket, key), version or None)
        raise SettingsError(
            "CopySource names no object",
            found=type(given).__name__,
            expected="{'Bucket': …, 'Key': …, 'VersionId': …} or 'bucket/key'",
        )

    @property
    def as_boto3(self) -> dict[str, str]:
        """Return it as boto3's dictionary."""
        version = {} if self.version is None else {"VersionId": self.version}
        return {"Bucket": self.location.bucket, "Key": self.location.key, **version}


def copy_object(setup: Setup, location: Location, source: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    setup.parameters.check("copy_object", given, "copy_object", {})
    directive = given.get("MetadataDirective", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise SettingsError("MetadataDirective has no such value", found=repr(directive), expected="COPY | REPLACE")
    origin = Source.parse(source)
    with naming(origin.location):
        described = _described(setup, origin, given)
    metadata = _metadata(described, given) if directive == "REPLACE" else described.stored.metadata
    file = described.instruction and _moved(described.instruction, setup.instruction_of(location))
    own, shared = setup.parameters.writing(
        {k: v for k, v in given.items() if k not in ("MetadataDirective", "Metadata")}
    )
    store = setup.store.sending(shared).sending(own, about=location)
    with naming(location):
        if described.stored.size > ONE_COPY_BYTES:
            return _in_parts(setup, store, location, origin, described.stored, metadata, file, given)
        with instruction_first(store, file):
            return _in_one_request(setup, location, origin, described.stored, metadata, given)


def _described(setup: Setup, origin: Source, given: Mapping[str, Any]) -> Description:
    """Look at the source: what it is, and whether the rules let it go as it is."""
    shared = {name: given[theirs] for theirs, name in _OF_SOURCE.items() if theirs in given}
    version = {} if origin.version is None else {"head_object": {"VersionId": origin.version}}
    arguments = {"head_object": shared, "get_object": shared}
    store = setup.store.sending(arguments).sending(version, about=origin.location)
    stored = existing(store, origin.location)
    _check_match(origin.location, given.get("CopySourceIfMatch"), stored.etag)
    described = describe(store, stored, setup.suffix)
    # Nothing is decrypted, so only one rule can matter: a plain object must not become a copy by accident.
    Policy(legacy="allow", plaintext=setup.policy.plaintext).check(described.envelope)
    return described


def _check_match(location: Location, wanted: str | None, etag: str) -> None:
    """Refuse a source of another ETag than the caller wants: the copy itself is bound to the one that was looked at."""
    if wanted is not None and wanted.strip('"') != etag.strip('"'):
        message = "At least one of the pre-conditions you specified did not hold"
        raise refusal(location, "the source has another ETag", "CopyObject", 412, "PreconditionFailed", message)


def _metadata(described: Description, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the caller's metadata with the source's envelope."""
    own = dict(given.get("Metadata") or {})
    if described.envelope is None:
        return own
    EnvelopeStorage(metadata=own)  # refuses the envelope's names
    return {**own, **envelope_metadata(described.stored)}


def _moved(file: InstructionFile, location: Location) -> InstructionFile:
    return InstructionFile(location, file.body, file.metadata)


def _in_one_request(
    setup: Setup,
    location: Location,
    origin: Source,
    stored: StoredObject,
    metadata: Mapping[str, str],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    further = {**given, "CopySourceIfMatch": stored.etag}
    if given.get("MetadataDirective") == "REPLACE":
        further["Metadata"] = dict(metadata)
    answer = setup.store.ask(
        location,
        "copy_object",
        "copy",
        Bucket=location.bucket,
        Key=location.key,
        CopySource=origin.as_boto3,
        **further,
    )
    return dict(answer)


def _in_parts(
    setup: Setup,
    store: S3Store,
    location: Location,
    origin: Source,
    stored: StoredObject,
    metadata: Mapping[str, str],
    file: InstructionFile | None,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Copy what is too long for one request. An upload in parts takes nothing along: it is told all of it."""
    of_parts = setup.parameters.taken({**given, "CopySourceIfMatch": stored.etag}, "upload_part_copy")
    store = store.sending(
        {"create_multipart_upload": _kept(setup, origin, stored, given), "upload_part_copy": of_parts}, about=location
    )
    upload_id = store.create_upload(location, metadata)
    try:
        parts = _copied_parts(store, location, upload_id, origin, stored.size)
        staged = StagedUpload(location, upload_id, parts, metadata, stored.size, stored.size, file)
        receipt = complete(store, staged)
    except BaseException:
        with suppress(TransferError):  # it stays listed then; the error that led here matters more
            store.abort_upload(location, upload_id)
        raise
    return _copied(store, location, receipt)


def _copied_parts(
    store: S3Store, location: Location, upload_id: str, origin: Source, size: int
) -> tuple[UploadedPart, ...]:
    part_bytes = max(COPY_PART_BYTES, -(-size // MAX_PARTS))
    work = (
        partial(store.copy_part, location, upload_id, index + 1, origin.as_boto3, at, min(at + part_bytes, size) - 1)
        for index, at in enumerate(range(0, size, part_bytes))
    )
    with closing(results_in_order(work, PARTS_IN_FLIGHT)) as parts:
        return tuple(parts)


def _kept(setup: Setup, origin: Source, stored: StoredObject, given: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if given.get("MetadataDirective", "COPY") == "COPY":
        kept = {name: stored.details[name] for name in _KEPT if name in stored.details}
    if given.get("TaggingDirective", "COPY") == "COPY" and stored.details.get("TagCount"):
        place = origin.as_boto3
        answer = setup.store.ask(origin.location, "get_object_tagging", "tell the tags of", **place)
        kept["Tagging"] = urlencode([(row["Key"], row["Value"]) for row in answer["TagSet"]])
    return kept


def _copied(store: S3Store, location: Location, receipt: Receipt | None) -> dict[str, Any]:
    stored = existing(store, location)
    result = {"ETag": stored.etag, "LastModified": stored.details.get("LastModified")}
    details = {} if receipt is None else {k: v for k, v in receipt.details.items() if k != "Location"}
    return {**done(), **details, "CopyObjectResult": result}
