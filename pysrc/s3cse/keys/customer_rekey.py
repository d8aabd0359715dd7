"""Re-keying of SSE-C objects in place: S3 decrypts with the old key and encrypts with the new one; no byte comes here.

Each object is looked at with the old key, copied onto itself under both, and looked at with the new one. One that opens
with the new key already is left alone, so a run that broke off is simply repeated. Old versions in a bucket with
versions stay under the old key.

SeaweedFS checks no key of a copy's source and keeps the ETag when the key changes: there, two runs at once over the
same objects can destroy them. AWS refuses the second copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from s3cse.client.copying import COPY_PART_BYTES, ONE_COPY_BYTES
from s3cse.client.parameters import Parameters
from s3cse.errors import S3CSEError, SettingsError, TransferError
from s3cse.keyrings.customer_keys import CustomerKeys
from s3cse.keys.found import is_in
from s3cse.keys.parallel import in_order
from s3cse.objects.destinations import MAX_PARTS, PARTS_IN_FLIGHT
from s3cse.objects.naming import naming
from s3cse.objects.workers import results_in_order
from s3cse.storage.customer_key_errors import CustomerKeyError
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import ListedObject, Location, StoredObject, UploadedPart

#: What became of an object.
REKEYED, ALREADY, WOULD, FAILED = "re-keyed", "already", "would be re-keyed", "failed"
#: Objects that are worked on at once, unless told otherwise: S3 does the work.
PARALLEL: Final = 16

#: What S3 takes along by itself in no copy, or not in one of several parts or with its metadata said again.
_ALWAYS_SAID = ("StorageClass", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus")
_SAID_AGAIN = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
_ONTO_ITSELF = "to itself"
_ENCODED = "=?"  # RFC 2047: metadata that is not ASCII, which S3 would take literally


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What became of one object. ``stored_bytes`` is its length; ``error`` says why it failed."""

    uri: str
    outcome: str
    stored_bytes: int
    error: str | None = None


def rekey(
    s3: Any,
    folder: Location,
    old: CustomerKeys,
    new: CustomerKeys,
    *,
    parallel: int = PARALLEL,
    dry_run: bool = False,
) -> Iterator[Rekeyed]:
    """Bring all objects of a folder under their new keys; yield what became of each, in the listing's order.

    An object that fails (neither key opens it, S3 refuses, somebody has just replaced it) is reported, and the others
    go on. Its old key still opens it, unless it is one that the new key opens.

    Args:
        s3: a boto3 S3 client, with as many connections as are to be used at once.
        folder: with or without its last ``/`` (``s3://bucket/a`` says nothing of ``a2``), one object, or a bucket.
        old: keys that the objects have now.
        new: keys that they are to have.
        parallel: objects at once.
        dry_run: only look.

    Raises:
        SettingsError: the endpoint is no place for keys, or the client is none of boto3's.
        TransferError: S3 did not list the objects.
    """
    work = _Rekeying(s3, old, new, dry_run=dry_run)
    return in_order(work.one, work.list(folder), parallel)


class _Rekeying:
    """The work on single objects; several threads share it."""

    def __init__(self, s3: Any, old: CustomerKeys, new: CustomerKeys, *, dry_run: bool) -> None:
        self._old_keys, self._new_keys = old, new
        self._old, self._new = CustomerKeyStore(s3, old), CustomerKeyStore(s3, new).copying_from(old)
        self._parameters = Parameters(s3)
        self._dry_run = dry_run
        # Some servers count a change of keys for no change, and want the metadata said again.
        self._says_metadata = False

    def list(self, folder: Location) -> Iterator[ListedObject]:
        """List the objects; no key is needed for that."""
        return (row for row in self._new.list(folder) if is_in(folder, row.location.key))

    def one(self, row: ListedObject) -> Rekeyed:
        """Re-key one object, unless it has its new key."""
        try:
            with naming(row.location):
                outcome = self._outcome(row.location)
        except S3CSEError as error:
            return Rekeyed(row.location.uri, FAILED, row.size, str(error))
        return Rekeyed(row.location.uri, outcome, row.size)

    def _outcome(self, location: Location) -> str:
        try:
            stored = self._old.head(location)
        except CustomerKeyError as error:
            if self._opens_with_new(location):
                return ALREADY
            raise error  # of the old key: that of the new one was only a question
        if stored is None:
            raise TransferError("the object was deleted after it was listed", found="nothing", expected="an object")
        if self._old_keys.customer_key(location) == self._new_keys.customer_key(location):
            return ALREADY
        if self._dry_run:
            return WOULD
        try:
            self._copy(stored)
        except TransferError:
            # Perhaps only the answer was lost, and the request that botocore repeated found the new key in place.
            if self._opens_with_new(location):
                return ALREADY
            raise
        self._check(stored)
        return REKEYED

    def _opens_with_new(self, location: Location) -> bool:
        with suppress(TransferError):
            return self._new.head(location) is not None
        return False

    def _check(self, before: StoredObject) -> None:
        after = self._new.head(before.location)
        if after is None or after.size != before.size:
            raise TransferError(
                "the object is not what it was before its key was changed: somebody has replaced it meanwhile",
                found="nothing" if after is None else f"{after.size} bytes",
                expected=f"{before.size} bytes",
                fix="see who writes here, and run this again when nobody does",
            )

    def _copy(self, stored: StoredObject) -> None:
        if stored.size > ONE_COPY_BYTES:
            self._copy_in_parts(stored)
            return
        if not self._says_metadata:
            try:
                self._ask(stored, {})
                return
            except TransferError as error:
                if error.status != 400 or _ONTO_ITSELF not in (error.found or ""):
                    raise
                self._says_metadata = True
        metadata = _plain_metadata(stored)
        self._ask(stored, {"MetadataDirective": "REPLACE", "Metadata": metadata, **_details(stored, _SAID_AGAIN)})

    def _ask(self, stored: StoredObject, more: Mapping[str, Any]) -> None:
        location = stored.location
        arguments = {
            **self._conditions(stored, "copy_object"),
            **_details(stored, _ALWAYS_SAID),
            **more,
            "Bucket": location.bucket,
            "Key": location.key,
            "CopySource": _source(stored),
        }
        self._new.ask(location, "copy_object", "change the key of", **arguments)

    def _conditions(self, stored: StoredObject, method: str) -> dict[str, Any]:
        """Return what keeps the copy from another object than the one that was looked at, as far as boto3 knows it."""
        return self._parameters.taken({"CopySourceIfMatch": stored.etag, "IfMatch": stored.etag}, method)

    def _copy_in_parts(self, stored: StoredObject) -> None:
        """Copy what is too long for one request; an upload takes nothing along and is told all of it."""
        location = stored.location
        kept = {**_details(stored, (*_SAID_AGAIN, *_ALWAYS_SAID)), **self._tags(stored)}
        further = {
            "create_multipart_upload": kept,
            "upload_part_copy": self._conditions(stored, "upload_part_copy"),
            "complete_multipart_upload": self._conditions(stored, "complete_multipart_upload"),
        }
        store = self._new.sending(further, about=location)
        upload_id = store.create_upload(location, _plain_metadata(stored))
        try:
            store.complete_upload(location, upload_id, _parts(store, stored, upload_id))
        except BaseException:
            with suppress(TransferError):  # it stays listed then; the error that led here matters more
                store.abort_upload(location, upload_id)
            raise

    def _tags(self, stored: StoredObject) -> dict[str, str]:
        if not stored.details.get("TagCount"):
            return {}
        place = _source(stored)
        answer = self._old.ask(stored.location, "get_object_tagging", "tell the tags of", **place)
        return {"Tagging": urlencode([(row["Key"], row["Value"]) for row in answer["TagSet"]])}


def _parts(store: CustomerKeyStore, stored: StoredObject, upload_id: str) -> tuple[UploadedPart, ...]:
    size, source = stored.size, _source(stored)
    part_bytes = max(COPY_PART_BYTES, -(-size // MAX_PARTS))
    work = (
        partial(store.copy_part, stored.location, upload_id, index + 1, source, at, min(at + part_bytes, size) - 1)
        for index, at in enumerate(range(0, size, part_bytes))
    )
    with closing(results_in_order(work, PARTS_IN_FLIGHT)) as parts:
        return tuple(parts)


def _source(stored: StoredObject) -> dict[str, str]:
    version = stored.details.get("VersionId")
    place = {"Bucket": stored.location.bucket, "Key": stored.location.key}
    return place if version is None else {**place, "VersionId": version}


def _details(stored: StoredObject, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: stored.details[name] for name in names if name in stored.details}


def _plain_metadata(stored: StoredObject) -> dict[str, str]:
    """Return the metadata to be said again.

    Raises:
        SettingsError: it would not be the same afterwards.
    """
    if (
        stored.details.get("MissingMeta")
        or stored.doubled
        or any(_ENCODED in text for text in stored.metadata.values())
    ):
        raise SettingsError(
            "the object's metadata cannot be said again as it is, and this copy needs that",
            found="names or values that are not ASCII",
            expected="ASCII",
            fix="download the object with the old key and upload it with the new one",
        )
    return dict(stored.metadata)
