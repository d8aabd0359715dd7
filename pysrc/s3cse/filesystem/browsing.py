"""What is there: ls, info, find, du, and what they are made of."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Any

from s3cse.errors import TransferError
from s3cse.filesystem.base import Base
from s3cse.filesystem.describing import object_entry
from s3cse.filesystem.entries import Entry, folder
from s3cse.filesystem.os_errors import as_os_errors, not_found
from s3cse.filesystem.parallel import all_results
from s3cse.storage.port import Location


class Browsing(Base):
    """See S3cseFileSystem."""

    def info(self, path: str, **kwargs: Any) -> Entry:
        """Return the entry of an object or a folder; the size is exact, or None where the rules refuse the object.

        One HEAD for an object (and a GET for an instruction file; for AES-CBC one more, and a call of the key service),
        a HEAD and a listing for a folder.

        Args:
            kwargs: boto3's further parameters of head_object, such as ``VersionId``.

        Raises:
            FileNotFoundError: there is neither.
        """
        path = self._strip_protocol(path)
        bucket, key = self._split(path)
        found = self._object_info(path, **kwargs) if key else None
        if found is not None:
            return found
        if not bucket or self._listing(bucket).exists(key):
            return folder(path)
        raise not_found(path)

    def _object_info(self, path: str, **kwargs: Any) -> Entry | None:
        location = self._location(path)
        with as_os_errors(path):
            try:
                return object_entry(self._client(location.bucket), self._setup(location.bucket), location, kwargs)
            except TransferError as error:
                if error.status != 404:
                    raise
                return None

    def exists(self, path: str, **kwargs: Any) -> bool:  # noqa: ARG002 - fsspec's
        """Whether there is an object or a folder; what the rules say of it does not matter."""
        bucket, key = self._split(path)
        try:
            return (bool(key) and self._is_object(path)) or not bucket or self._listing(bucket).exists(key)
        except FileNotFoundError:
            return False

    def _is_object(self, path: str) -> bool:
        location = self._location(path)
        with as_os_errors(path):
            return self._setup(location.bucket).store.head(location) is not None

    def isfile(self, path: str) -> bool:
        """Whether there is an object."""
        return bool(self._split(path)[1]) and self._is_object(path)

    def isdir(self, path: str) -> bool:
        """Whether there is anything below this path."""
        bucket, key = self._split(path)
        try:
            return not bucket or self._listing(bucket).exists(key)
        except FileNotFoundError:
            return False

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:  # noqa: ARG002 - fsspec's
        """List a folder, or one object; see s3cse.filesystem.sizes for the sizes.

        Raises:
            FileNotFoundError: there is neither.
        """
        path = self._strip_protocol(path)
        bucket, key = self._split(path)
        if not bucket:
            entries = self._buckets()
        else:
            entries = self._sized(self._listing(bucket).children(key))
            if not entries and key and path not in self._made_folders:
                found = self.info(path)
                entries = [found] if found["type"] == "file" else []
        return entries if detail else [entry["name"] for entry in entries]

    def _buckets(self) -> list[Entry]:
        with as_os_errors(""):
            answer = self._setup("").store.ask(Location("", ""), "list_buckets", "list")
        return [folder(row["Name"]) for row in answer["Buckets"]]

    def _sized(self, entries: list[Entry]) -> list[Entry]:
        """Ask S3 for the sizes, where that is wanted."""
        if not self._options.exact_sizes or not entries:
            return entries
        bucket, _ = self._split(entries[0]["name"])
        if not self._listing(bucket).rule.asking_helps:
            return entries
        return self._asked(entries, [entry for entry in entries if entry["type"] == "file"])

    def _asked(self, entries: list[Entry], unknown: list[Entry]) -> list[Entry]:
        """Return entries with S3's own answers in the place of some: one HEAD for each, several at once."""
        found = all_results([partial(self._object_info, entry["name"]) for entry in unknown])
        by_name = {entry["name"]: entry for entry in found if entry is not None}
        return [by_name.get(entry["name"], entry) for entry in entries]

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        prefix: str = "",
        **kwargs: Any,
    ) -> Any:
        """Return all objects below a path, in one listing of them; with ``maxdepth`` folder by folder, several at once.

        Args:
            prefix: only those whose name in the folder begins like this; one listing.
        """
        path = self._strip_protocol(path)
        bucket, key = self._split(path)
        if not bucket:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **kwargs)
        try:
            if maxdepth is None:
                entries = self._listing(bucket).everything(key, prefix)
                found = {name: folder(name) for name in _folders(entries, path)}
            else:
                entries = self._levels(bucket, key, maxdepth)
                found = {path: folder(path)} if entries else {}
        except FileNotFoundError:
            entries, found = [], {}
        if not entries and key and not prefix:
            found = self._itself(path)
        found |= {entry["name"]: entry for entry in self._sized(entries)}
        names = sorted(name for name, entry in found.items() if withdirs or entry["type"] == "file")
        return {name: found[name] for name in names} if detail else names

    def _levels(self, bucket: str, key: str, depth: int) -> list[Entry]:
        """Return what is below a folder, down to a depth: one listing for each folder, several at once."""
        listing = self._listing(bucket)
        found: list[Entry] = []
        level = [key]
        for _ in range(depth):
            entries = list(chain(*all_results([partial(listing.children, each) for each in level])))
            found += entries
            level = [self._split(entry["name"])[1] for entry in entries if entry["type"] == "directory"]
        return found

    def _itself(self, path: str) -> dict[str, Entry]:
        try:
            return {path: self.info(path)}
        except FileNotFoundError:
            return {}

    def du(
        self, path: str, total: bool = True, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> Any:
        """Return the plaintext bytes below a path; sizes that a listing does not tell are asked for."""
        entries = list(self.find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True, **kwargs).values())
        known = self._asked(entries, [entry for entry in entries if entry["size"] is None])
        sizes = {entry["name"]: entry["size"] for entry in known}
        return sum(size or 0 for size in sizes.values()) if total else sizes

    def modified(self, path: str) -> datetime:
        """Return when an object was written."""
        found: datetime = self.info(path)["LastModified"]
        return found

    created = modified  # an object is never changed, only replaced

    def checksum(self, path: str) -> int:
        """Return a number that is another one when the object is; made of its ETag."""
        return int(self.ukey(path), 16)

    def ukey(self, path: str) -> str:
        """Return a text that is another one when the object is; made of its ETag and version."""
        entry = self.info(path)
        if entry["type"] == "directory":
            raise not_found(path)
        known = (entry["name"], entry.get("ETag"), entry.get("VersionId"))
        return sha256(repr(known).encode()).hexdigest()


def _folders(entries: list[Entry], root: str) -> set[str]:
    """Return the root, and the folders between it and these entries."""
    found = {root} if entries else set()
    for entry in entries:
        parent = entry["name"].rpartition("/")[0]
        while parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found
