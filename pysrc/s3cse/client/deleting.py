"""delete_object and delete_objects: objects, and the instruction files beside them.

Whoever writes an object puts its instruction file first. So a file is looked at before its object goes, and deleted
only if it still is the same: one that came meanwhile is that of a new object, which nothing would open without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from s3cse.client.setup import Setup
from s3cse.envelope.profiles import SSE_C
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.workers import WORKERS, results_in_order
from s3cse.storage.port import Location
from s3cse.storage.s3 import UNKNOWN_CONDITION

#: What is said of one object, or of the secret that deletes its versions.
_OF_OBJECT = ("VersionId", "MFA", "IfMatch", "IfMatchLastModifiedTime", "IfMatchSize")
#: S3's words, in an answer about several objects, for one that is another by now, that changes, or is gone.
_NOT_THAT_ONE = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
_REFUSED = range(300, 500)
_AT_ONCE = 2 * WORKERS


def delete_object(setup: Setup, location: Location, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    setup.parameters.check("delete_object", given, "delete_object", {})
    further = {name: value for name, value in given.items() if name not in _OF_OBJECT}
    has_file = "VersionId" not in given and _may_have_file(setup, location.key)
    file = _look(setup, setup.instruction_of(location), further) if has_file else None
    answer = dict(_delete(setup, location, given))
    if file is not None:
        _delete_file(setup, file, further)
    return answer


def _delete_file(setup: Setup, file: _File, further: Mapping[str, Any]) -> None:
    if file.etag is None:
        _delete(setup, file.location, further)
    else:
        setup.store.sending({"delete_object": further}, about=file.location).delete_if(file.location, file.etag)


def _may_have_file(setup: Setup, key: str) -> bool:
    return setup.profile != SSE_C and not key.endswith(setup.suffix)


@dataclass(frozen=True, slots=True)
class _File:
    """An instruction file that was there before its object was deleted; ``etag`` None: S3 does not say whether."""

    location: Location
    etag: str | None


def _look(setup: Setup, place: Location, further: Mapping[str, Any]) -> _File | None:
    """HEAD an instruction file; None where there is none.

    Whoever may delete need not be allowed to look: what S3 refuses to say is deleted whatever it is by then.

    Raises:
        TransferError: S3 did not answer. Nothing was deleted.
    """
    store = setup.store.sending({"head_object": setup.parameters.taken(further, "head_object")})
    try:
        stored = store.head(place)
    except TransferError as error:
        if error.status is None or error.status not in _REFUSED:
            raise
        return _File(place, None)
    return None if stored is None else _File(place, stored.etag)


def _delete(setup: Setup, location: Location, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return setup.store.ask(location, "delete_object", "delete", Bucket=location.bucket, Key=location.key, **given)


def delete_objects(setup: Setup, bucket: str, delete: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    setup.parameters.check("delete_objects", given, "delete_objects", {})
    rows = delete.get("Objects") if isinstance(delete, Mapping) else None
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) and row.get("Key") for row in rows):
        raise SettingsError("Delete names no objects", expected="{'Objects': [{'Key': …}, …]}")
    further = {name: value for name, value in given.items() if name != "MFA"}
    files = _look_at_all(setup, bucket, rows, further)
    answer = dict(_delete_all(setup, bucket, dict(delete), given))
    failed = {f"{row.get('Key')}{setup.suffix}" for row in answer.get("Errors", ())}
    left = [file for file in files if file.location.key not in failed]
    if left:
        also = _delete_files(setup, bucket, left, further)
        # A file that is another one by now is that of a new object.
        new = [row for row in also.get("Errors", ()) if row.get("Code") not in _NOT_THAT_ONE]
        errors = [*answer.get("Errors", ()), *new]
        if errors:
            answer["Errors"] = errors
    return answer


def _look_at_all(
    setup: Setup, bucket: str, rows: Iterable[Mapping[str, Any]], further: Mapping[str, Any]
) -> list[_File]:
    """HEAD the instruction files of the objects that are to go, several at once; return those that there may be."""
    keys = dict.fromkeys(str(row["Key"]) for row in rows if not row.get("VersionId"))
    places = (setup.instruction_of(Location(bucket, key)) for key in keys if _may_have_file(setup, key))
    with closing(results_in_order((partial(_look, setup, place, further) for place in places), _AT_ONCE)) as found:
        return [file for file in found if file is not None]


def _delete_files(setup: Setup, bucket: str, files: Iterable[_File], further: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = [{"Key": file.location.key, **({"ETag": file.etag} if file.etag else {})} for file in files]
    try:
        return _delete_all(setup, bucket, {"Objects": rows, "Quiet": True}, further)
    except TransferError as error:
        if error.status != UNKNOWN_CONDITION:
            raise
    rows = [{"Key": row["Key"]} for row in rows]
    return _delete_all(setup, bucket, {"Objects": rows, "Quiet": True}, further)


def _delete_all(setup: Setup, bucket: str, delete: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    return setup.store.ask(Location(bucket, ""), "delete_objects", "delete", Bucket=bucket, Delete=delete, **given)
