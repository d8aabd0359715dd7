"""What one object is: its entry, with the size that a reader will find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3cse.client import Client
from s3cse.client.setup import Setup
from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, SettingsError, TransferError
from s3cse.filesystem.entries import Entry, file
from s3cse.objects.naming import naming
from s3cse.storage.port import Location

_REFUSALS = (PolicyError, EnvelopeError, KeyringError, IntegrityError, SettingsError)


def object_entry(client: Client, setup: Setup, location: Location, given: Mapping[str, Any]) -> Entry:
    """Return the entry of an object: one HEAD, one GET more for an instruction file, and for AES-CBC as head_object.

    An object that the rules or its own envelope keep from being opened has an entry all the same; its size is None
    where nothing but opening it would tell.

    Args:
        given: boto3's further parameters of head_object.

    Raises:
        TransferError: S3 did not describe it; status 404: there is none.
    """
    path = f"{location.bucket}/{location.key}"
    try:
        answer = client.head_object(Bucket=location.bucket, Key=location.key, **given)
    except _REFUSALS:
        return _of_refused(setup, location, path)
    stored = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-length")
    return file(path, answer["ContentLength"], None if stored is None else int(stored), answer)


def _of_refused(setup: Setup, location: Location, path: str) -> Entry:
    with naming(location):
        stored = setup.store.head(location)
        if stored is None:
            raise TransferError("there is no such object", status=404, code="NoSuchKey")
        try:
            size = setup.describe(setup.store, stored).plaintext_bytes
        except (EnvelopeError, PolicyError):
            size = None
    return file(path, None if size is None or size < 0 else size, stored.size, {**stored.details, "ETag": stored.etag})
