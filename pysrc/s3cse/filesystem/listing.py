"""Folders and what is in them. S3 has none: a folder is what keys have in common up to a ``/``.

Instruction files are not shown: they belong to the objects beside them. Nor is the empty object that some tools leave
for a folder, ``name/``: it is the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from s3cse.client.setup import Setup
from s3cse.filesystem.entries import Entry, file, folder
from s3cse.filesystem.os_errors import as_os_errors
from s3cse.filesystem.sizes import SizeRule
from s3cse.storage.port import Location


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists one bucket."""

    setup: Setup
    bucket: str

    @property
    def rule(self) -> SizeRule:
        """How sizes are told."""
        return SizeRule(self.setup.policy, self.setup.profile)

    def children(self, key: str) -> list[Entry]:
        """Return what is directly in a folder, sorted by name; one request per 1000 entries."""
        prefix = f"{key}/" if key else ""
        entries = list(self._entries(prefix, Delimiter="/"))
        return sorted(entries, key=lambda entry: str(entry["name"]))

    def everything(self, key: str, prefix: str = "") -> list[Entry]:
        """Return all objects below a folder, at any depth; one request per 1000 objects.

        Args:
            prefix: only those whose name in the folder begins like this.
        """
        start = f"{key}/{prefix}" if key else prefix
        return [entry for entry in self._entries(start) if entry["type"] == "file"]

    def keys(self, key: str) -> list[str]:
        """Return all keys below a folder, those that are not shown included."""
        prefix = f"{key}/" if key else ""
        return [row["Key"] for page in self._pages(prefix, {}) for row in page.get("Contents", ())]

    def exists(self, key: str) -> bool:
        """Whether a folder has anything in it; of the bucket itself whether it is there. One request."""
        prefix = f"{key}/" if key else ""
        page = next(self._pages(prefix, {"MaxKeys": 1}))
        return not key or bool(page.get("Contents"))

    def _entries(self, prefix: str, **arguments: Any) -> Iterator[Entry]:
        rule = self.rule
        for page in self._pages(prefix, arguments):
            for row in page.get("CommonPrefixes", ()):
                yield folder(self._path(row["Prefix"].removesuffix("/")))
            for row in page.get("Contents", ()):
                if not self._hidden(row["Key"]):
                    yield file(self._path(row["Key"]), rule.plaintext_bytes(row["Size"]), row["Size"], row)

    def _hidden(self, key: str) -> bool:
        return key.endswith(("/", self.setup.suffix))

    def _path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def _pages(self, prefix: str, arguments: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        place = Location(self.bucket, prefix)
        further: dict[str, Any] = dict(arguments)
        while True:
            with as_os_errors(self._path(prefix)):
                page = self.setup.store.ask(
                    place, "list_objects_v2", "list what is under", Bucket=self.bucket, Prefix=prefix, **further
                )
            yield page
            token = page.get("NextContinuationToken")
            if token is None:
                return
            further["ContinuationToken"] = token
