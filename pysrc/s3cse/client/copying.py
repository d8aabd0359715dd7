"""copy_object: S3 copies the ciphertext, the envelope goes along whatever is said of metadata."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from s3cse.client.answers import done, envelope_metadata
from s3cse.client.orphans import drop_orphan
from s3cse.client.reading import existing
from s3cse.client.setup import Setup
from s3cse.envelope.profiles import SSE_C
from s3cse.envelope.stored_form import fits
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.describe import Description
from s3cse.objects.destinations import MAX_PARTS, PARTS_IN_FLIGHT
from s3cse.objects.envelope_storage import UPLOAD_MARK, EnvelopeStorage, InstructionFile, upload_mark
from s3cse.objects.instruction_swap import InstructionSwap
from s3cse.objects.naming import naming
from s3cse.objects.policy import Policy
from s3cse.objects.put import publish
from s3cse.objects.staged import StagedUpload, check_final, settled
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
    setup.parameters.check("copy_object", given, "copy_object", setup.refused({}))
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
    copy = _Copy(setup, store, location, origin, described.stored, metadata, file, given)
    with naming(location):
        answer = copy.in_one_request() if described.stored.size <= ONE_COPY_BYTES else copy.in_parts()
        if file is None and setup.profile != SSE_C and not location.key.endswith(setup.suffix):
            drop_orphan(store, setup.instruction_of(location), of_plain=described.envelope is None)
    return answer


def _described(setup: Setup, origin: Source, given: Mapping[str, Any]) -> Description:
    """Look at the source: what it is, and whether the rules let it go as it is."""
    shared = {name: given[theirs] for theirs, name in _OF_SOURCE.items() if theirs in given}
    version = {} if origin.version is None else {"head_object": {"VersionId": origin.version}}
    arguments = {"head_object": shared, "get_object": shared}
    store = setup.store.sending(arguments).sending(version, about=origin.location)
    stored = existing(store, origin.location)
    _check_match(origin.location, given.get("CopySourceIfMatch"), stored.etag)
    described = setup.describe(store, stored)
    if described.instruction is not None and origin.version is not None:
        _check_current(setup.store.sending(arguments), origin)
    # Nothing is decrypted, so only one rule can matter: a plain object must not become a copy by accident.
    described.check(Policy(legacy="allow", plaintext=setup.policy.plaintext), setup.profile)
    return described


def _check_current(store: S3Store, origin: Source) -> None:
    """Refuse a version that is not the current one, where the envelope is in an instruction file: only that of today is
    known to belong to today's object.
    """
    current = store.head(origin.location)
    newest = "a delete marker" if current is None else str(current.details.get("VersionId", "null"))
    if newest != origin.version:
        raise SettingsError(
            "an old version is not copied where there is an instruction file: which version of that belongs to it "
            "nobody knows",
            found=f"VersionId {origin.version}",
            expected=f"the current version, {newest}",
            fix="leave VersionId out; or copy this version, and the version of its file from the same time, with boto3",
        )


def _check_match(location: Location, wanted: str | None, etag: str) -> None:
    """Refuse a source of another ETag than the caller wants: the copy itself is bound to the one that was looked at."""
    if wanted is not None and wanted.strip('"') != etag.strip('"'):
        message = "At least one of the pre-conditions you specified did not hold"
        raise refusal(location, "the source has another ETag", "CopyObject", 412, "PreconditionFailed", message)


def _metadata(described: Description, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the caller's metadata with the source's envelope."""
    own = dict(given.get("Metadata") or {})
    if not described.encrypted:
        return own
    EnvelopeStorage(metadata=own)  # refuses the envelope's names
    return {**own, **envelope_metadata(described.stored)}


def _moved(file: InstructionFile, location: Location) -> InstructionFile:
    return InstructionFile(location, file.body, file.metadata)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One copy; ``store`` says what is said of the target, which will have this metadata and instruction file."""

    setup: Setup
    store: S3Store
    location: Location
    origin: Source
    stored: StoredObject
    metadata: Mapping[str, str]
    file: InstructionFile | None
    given: Mapping[str, Any]

    def in_one_request(self) -> dict[str, Any]:
        """Let S3 copy in one request. A lost answer is settled by HEADs where an instruction file depends on it."""
        swap = InstructionSwap(self.file)
        answer = None
        with swap.first(self.store):
            # Nothing tells an earlier copy of the same object from this one, but that it is there before.
            before = self.store.head(self.location) if swap.placed else None
            try:
                answer = self._ask()
            except TransferError as error:
                staged = self._staged("", (), self.metadata)
                # Beside a file that was there already nothing can be told: another process may have copied as well.
                if not swap.placed or not settled(self.store, staged, error, swap, before):
                    check_final(staged, error)
                    raise
        # Out of the block: the copy is there, and needs its file whatever S3 says of it now.
        return self._copied(None) if answer is None else answer

    def _ask(self) -> dict[str, Any]:
        replaced = {"Metadata": dict(self.metadata)} if self.given.get("MetadataDirective") == "REPLACE" else {}
        arguments = {
            **self.given,
            **replaced,
            "Bucket": self.location.bucket,
            "Key": self.location.key,
            "CopySource": self.origin.as_boto3,
            "CopySourceIfMatch": self.stored.etag,
        }
        return dict(self.setup.store.ask(self.location, "copy_object", "copy", **arguments))

    def in_parts(self) -> dict[str, Any]:
        """Copy what is too long for one request. An upload in parts takes nothing along: it is told all of it."""
        further = {"create_multipart_upload": self._kept(), "upload_part_copy": self._of_parts()}
        store = self.store.sending(further, about=self.location)
        metadata = self._marked()
        upload_id = store.create_upload(self.location, metadata)
        try:
            parts = self._parts(store, upload_id)
        except BaseException:
            with suppress(TransferError):  # it stays listed then; the error that led here matters more
                store.abort_upload(self.location, upload_id)
            raise
        return self._copied(publish(store, self._staged(upload_id, parts, metadata)))

    def _marked(self) -> dict[str, str]:
        """Return the metadata with a mark of this copy's own, which tells it from an earlier one of the same object.

        Metadata so long that the mark does not fit goes without any. An instruction file depends on it: S3 refuses
        the copy then.
        """
        marked = {**self.metadata, **upload_mark()}
        if self.file is not None or fits(marked):
            return marked
        return {name: value for name, value in self.metadata.items() if name != UPLOAD_MARK}

    def _of_parts(self) -> dict[str, Any]:
        return self.setup.parameters.taken({**self.given, "CopySourceIfMatch": self.stored.etag}, "upload_part_copy")

    def _kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        details = self.stored.details
        if self.given.get("MetadataDirective", "COPY") == "COPY":
            kept = {name: details[name] for name in _KEPT if name in details}
        if self.given.get("TaggingDirective", "COPY") == "COPY" and details.get("TagCount"):
            place = self.origin.as_boto3
            answer = self.setup.store.ask(self.origin.location, "get_object_tagging", "tell the tags of", **place)
            kept["Tagging"] = urlencode([(row["Key"], row["Value"]) for row in answer["TagSet"]])
        return kept

    def _parts(self, store: S3Store, upload_id: str) -> tuple[UploadedPart, ...]:
        size, source = self.stored.size, self.origin.as_boto3
        part_bytes = max(COPY_PART_BYTES, -(-size // MAX_PARTS))
        work = (
            partial(store.copy_part, self.location, upload_id, index + 1, source, at, min(at + part_bytes, size) - 1)
            for index, at in enumerate(range(0, size, part_bytes))
        )
        with closing(results_in_order(work, PARTS_IN_FLIGHT)) as parts:
            return tuple(parts)

    def _staged(self, upload_id: str, parts: tuple[UploadedPart, ...], metadata: Mapping[str, str]) -> StagedUpload:
        known = metadata if not upload_id or UPLOAD_MARK in metadata else {}  # without a mark it may be an earlier copy
        return StagedUpload(self.location, upload_id, parts, known, self.stored.size, self.stored.size, self.file)

    def _copied(self, receipt: Receipt | None) -> dict[str, Any]:
        stored = existing(self.store, self.location)
        result = {"ETag": stored.etag, "LastModified": stored.details.get("LastModified")}
        details = {} if receipt is None else {k: v for k, v in receipt.details.items() if k != "Location"}
        return {**done(), **details, "CopyObjectResult": result}
