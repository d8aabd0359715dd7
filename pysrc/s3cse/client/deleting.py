"""delete_object and delete_objects: objects, and the instruction files beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from s3cse.client.setup import Setup
from s3cse.envelope.profiles import SSE_C
from s3cse.errors import SettingsError
from s3cse.storage.port import Location

#: What is said of one object, or of the secret that deletes its versions.
_OF_OBJECT = ("VersionId", "MFA", "IfMatch", "IfMatchLastModifiedTime", "IfMatchSize")


def delete_object(setup: Setup, location: Location, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    setup.parameters.check("delete_object", given, "delete_object", {})
    answer = dict(_delete(setup, location, given))
    if "VersionId" not in given and setup.profile != SSE_C and not location.key.endswith(setup.suffix):
        _delete(setup, setup.instruction_of(location), {k: v for k, v in given.items() if k not in _OF_OBJECT})
    return answer


def _delete(setup: Setup, location: Location, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return setup.store.ask(location, "delete_object", "delete", Bucket=location.bucket, Key=location.key, **given)


def delete_objects(setup: Setup, bucket: str, delete: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    setup.parameters.check("delete_objects", given, "delete_objects", {})
    rows = delete.get("Objects") if isinstance(delete, Mapping) else None
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) and row.get("Key") for row in rows):
        raise SettingsError("Delete names no objects", expected="{'Objects': [{'Key': …}, …]}")
    answer = dict(_delete_all(setup, bucket, dict(delete), given))
    failed = {row.get("Key") for row in answer.get("Errors", ())}
    files = [{"Key": key + setup.suffix} for key in _without_version(rows) if key not in failed]
    files = [row for row in files if not row["Key"].removesuffix(setup.suffix).endswith(setup.suffix)]
    if files and setup.profile != SSE_C:
        further = {name: value for name, value in given.items() if name != "MFA"}
        also = _delete_all(setup, bucket, {"Objects": files, "Quiet": True}, further)
        errors = [*answer.get("Errors", ()), *also.get("Errors", ())]
        if errors:
            answer["Errors"] = errors
    return answer


def _without_version(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(row["Key"]) for row in rows if not row.get("VersionId")))


def _delete_all(setup: Setup, bucket: str, delete: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    return setup.store.ask(Location(bucket, ""), "delete_objects", "delete", Bucket=bucket, Delete=delete, **given)
