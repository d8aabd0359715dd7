"""What the parts of the filesystem share: its options, its clients, and how a path becomes a place in S3."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from fsspec.spec import AbstractFileSystem

from s3cse.client import Client
from s3cse.client.setup import Setup
from s3cse.errors import SettingsError
from s3cse.filesystem.connections import Connections
from s3cse.filesystem.listing import Listing
from s3cse.filesystem.os_errors import not_found
from s3cse.filesystem.source_pool import SourcePool
from s3cse.filesystem.storage_options import parse_storage_options
from s3cse.storage.port import Location

PROTOCOL = "s3cse"
_SCHEMES = ("s3://", "s3a://", "s3n://")
_AS_THEY_ARE = (str, int, float, bool, bytes, type(None), Mapping, list, tuple)


class _Instances(type(AbstractFileSystem)):  # type: ignore[misc]  # fsspec has no types
    """Makes filesystems as fsspec does: one for one set of options. It compares options by what they look like, and two
    keyrings may look alike: a filesystem with ready objects is one of its own.
    """

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        if all(isinstance(value, _AS_THEY_ARE) for value in options.values()):
            return super().__call__(*arguments, **options)
        made = super().__call__(*arguments, **{**options, "skip_instance_cache": True})
        made._fs_token_ = f"{made._fs_token_}-{uuid.uuid4().hex}"
        return made


class Base(AbstractFileSystem, metaclass=_Instances):  # type: ignore[misc]  # fsspec has no types
    """See S3cseFileSystem."""

    protocol = PROTOCOL

    def __init__(self, **storage_options: Any) -> None:
        super().__init__(**storage_options)
        self._options = parse_storage_options(storage_options)
        self._connections = Connections(self._options)
        self._sources = SourcePool()
        self._made_folders: set[str] = set()

    def invalidate_cache(self, path: str | None = None) -> None:  # noqa: ARG002 - fsspec's
        """Forget objects that were read and are not open. Listings are never remembered."""
        self._sources.clear()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Travel as options; clients are made anew where they arrive."""
        if self._options.client is not None:
            raise _does_not_travel("a boto3 client")
        if self._options.keyring is not None:
            try:
                pickle.dumps(self._options.keyring)
            except Exception as error:
                raise _does_not_travel("a keyring") from error
        return _made_again, (type(self), self.storage_options)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        if isinstance(stripped, str):
            for scheme in _SCHEMES:
                stripped = stripped.removeprefix(scheme)
        return stripped

    def _split(self, path: str) -> tuple[str, str]:
        """Return the bucket and the key of a path; either may be empty."""
        bucket, _, key = self._strip_protocol(path).partition("/")
        return bucket, key

    def _location(self, path: str) -> Location:
        """Return the place of an object.

        Raises:
            SettingsError: it is no bucket's name.
            FileNotFoundError: the path names no object: a bucket, or nothing.
        """
        bucket, key = self._split(path)
        if not bucket or not key:
            raise not_found(path)
        return Location.parse(f"s3://{bucket}/{key}")

    def _client(self, bucket: str) -> Client:
        return self._connections.client(bucket)

    def _setup(self, bucket: str) -> Setup:
        return self._connections.setup(bucket)

    def _listing(self, bucket: str) -> Listing:
        return Listing(self._setup(bucket), bucket)


def _made_again(cls: Any, options: Mapping[str, Any]) -> Any:
    return cls(**options)


def _does_not_travel(what: str) -> SettingsError:
    return SettingsError(
        f"a filesystem with {what} as a ready object cannot be sent to another process",
        expected="options in words, like kmsKeyId or keyFile",
        fix="make the filesystem with options: they travel, and make client and keyring where they arrive",
    )
