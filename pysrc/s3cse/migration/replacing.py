"""The last step: S3 copies a verified new object to its place, and what it was under meanwhile goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3cse.client import copying
from s3cse.client.answers import user_metadata
from s3cse.keys.rotation_kept import check_sayable, checksum_algorithm, said_again
from s3cse.migration.options import STAGING
from s3cse.migration.sides import Target
from s3cse.storage.port import Location, StoredObject

#: Metadata that name the object which a new one was made of, by its ETag.
SOURCE_MARK = "s3cse-source"

_SSE = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
#: Said only of the object in its final place.
_OF_FINAL = ("StorageClass", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus")


def mark_of(stored: StoredObject) -> str:
    """Return what names an object in the metadata of those that were made of it."""
    return stored.etag.strip('"')


class Replacing:
    """Puts new objects into their places; several threads share it."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def kept(self, stored: StoredObject, *, final: bool) -> dict[str, Any]:
        """Return boto3's arguments for what stays of the old object beside its metadata and tags.

        Args:
            final: for the object in its final place; others need no storage class, and no lock.
        """
        kept = said_again(stored)
        if self._target.setup.profile == "sse-c" and not self._target.form.plain:
            kept = {name: value for name, value in kept.items() if name not in _SSE}
        return kept if final else {name: value for name, value in kept.items() if name not in _OF_FINAL}

    def metadata(self, stored: StoredObject) -> dict[str, str]:
        """Return the user's metadata of an object.

        Raises:
            SettingsError: they would not be the same afterwards.
        """
        metadata = user_metadata(stored)
        check_sayable(stored, metadata)
        metadata.pop(SOURCE_MARK, None)
        return metadata

    def replace(
        self,
        new: StoredObject,
        final: Location,
        old: StoredObject,
        metadata: Mapping[str, str],
        conditions: Mapping[str, str],
    ) -> str:
        """Let S3 copy a verified new object to its final place; return the ETag there.

        Args:
            new: the verified object, which is deleted then.
            old: what it was made of.
            metadata: the user's.
            conditions: on what is in the final place, as boto3's copy_object has them; of those that it does not know,
                none is sent.

        Raises:
            TransferError: status 412 or 409 where the conditions do not hold.
        """
        setup = self._target.setup
        given = {
            **self.kept(old, final=True),
            **checksum_algorithm(old),
            **setup.parameters.taken(conditions, "copy_object"),
            "CopySourceIfMatch": new.etag,
            "MetadataDirective": "REPLACE",
            "Metadata": dict(metadata),
        }
        source = {"Bucket": new.location.bucket, "Key": new.location.key}
        answer = copying.copy_object(setup, final, source, given)
        self.drop(new)
        return str(answer.get("CopyObjectResult", {}).get("ETag", ""))

    def drop(self, new: StoredObject) -> None:
        """Delete a new object that is in its place by now, or will not be; of a bucket with versions, for good."""
        setup, place = self._target.setup, new.location
        if not place.key.rpartition("/")[2].startswith(STAGING):
            raise ValueError(f"{place.uri} is no object of this run")
        if self._target.in_file:
            file = setup.store.head(setup.instruction_of(place))
            if file is not None:
                self._delete(file)
        self._delete(new)

    def _delete(self, stored: StoredObject) -> None:
        version, place = stored.details.get("VersionId"), stored.location
        store = self._target.setup.store
        if version in (None, "null"):
            store.delete([place])
        else:
            store.ask(place, "delete_object", "delete", Bucket=place.bucket, Key=place.key, VersionId=str(version))
