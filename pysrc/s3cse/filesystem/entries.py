"""What ``ls`` and ``info`` say of one path: fsspec's names, and S3's own beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Entry = dict[str, Any]
#: What S3 says and users ask for, under boto3's names.
_KEPT = ("ETag", "LastModified", "StorageClass", "VersionId", "ContentType", "Metadata", "ServerSideEncryption")


def folder(path: str) -> Entry:
    """Return the entry of a bucket or folder."""
    return {"name": path, "size": 0, "StoredSize": 0, "type": "directory"}


def file(path: str, size: int | None, stored: int | None, said: Mapping[str, Any]) -> Entry:
    """Return the entry of an object.

    Args:
        size: of the plaintext in bytes; None: it is not known.
        stored: what S3 stores, in bytes.
        said: S3's row of a listing, or its answer to a HEAD.
    """
    entry: Entry = {"name": path, "size": size, "StoredSize": stored, "type": "file"}
    entry.update({name: said[name] for name in _KEPT if name in said})
    if "LastModified" in said:
        entry["mtime"] = said["LastModified"]  # where pyarrow looks for it
    return entry
