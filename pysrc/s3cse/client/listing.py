"""list_objects_v2: S3's own listing, with plaintext sizes on request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from s3cse.client.reading import plaintext_bytes
from s3cse.client.setup import Setup
from s3cse.envelope.profiles import SSE_C
from s3cse.objects.naming import naming
from s3cse.objects.workers import WORKERS, results_in_order
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store


def list_objects_v2(setup: Setup, bucket: str, plaintext_sizes: bool, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    setup.parameters.check("list_objects_v2", given, "list_objects_v2", {})
    place = Location(bucket, str(given.get("Prefix") or ""))
    answer = dict(setup.store.ask(place, "list_objects_v2", "list what is under", Bucket=bucket, **given))
    if plaintext_sizes and "Contents" in answer:
        rows = _with_sizes(setup, bucket, answer["Contents"], given)
        answer["KeyCount"] = answer.get("KeyCount", len(answer["Contents"])) - len(answer["Contents"]) + len(rows)
        answer["Contents"] = rows
    return answer


def _with_sizes(
    setup: Setup, bucket: str, rows: list[dict[str, Any]], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    further = {name: given[name] for name in ("RequestPayer", "ExpectedBucketOwner") if name in given}
    store = setup.store.sending({"head_object": further, "get_object": further})
    # botocore decodes keys that it asked to be encoded itself, and no others.
    decode = unquote_plus if "EncodingType" in given else str
    work = (partial(_with_size, setup, store, Location(bucket, decode(row["Key"])), row) for row in rows)
    with closing(results_in_order(work, WORKERS)) as found:
        return [row for row in found if row is not None]


def _with_size(setup: Setup, store: S3Store, location: Location, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return a row with both sizes; None for an instruction file, and for what has gone meanwhile."""
    if setup.profile == SSE_C:
        return {**row, "StoredSize": row["Size"]}
    with naming(location):
        stored = store.head(location)
        if stored is None:
            return None
        described = setup.describe(store, stored)
        plain = not described.encrypted
        if plain and location.key.endswith(setup.suffix):
            return None
        # A plain object's length is no secret, whatever the rules say of reading it.
        size = stored.size if plain else plaintext_bytes(setup, store, described)
    return {**row, "ETag": stored.etag, "StoredSize": stored.size, "Size": size}
