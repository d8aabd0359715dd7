"""What changes S3, file by file: put, get, copy, delete, and the folders that S3 does not have."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.utils import isfilelike

from s3cse.errors import SettingsError, TransferError
from s3cse.filesystem.browsing import Browsing
from s3cse.filesystem.os_errors import as_os_errors, exists_already, not_found
from s3cse.storage.port import Location
from s3cse.storage.s3_errors import fix_for

#: DeleteObjects takes no more keys than this.
_BATCH = 1000
_NEW = {"IfNoneMatch": "*"}


class Changing(Browsing):
    """See S3cseFileSystem. ``kwargs`` are boto3's further parameters, such as ``Metadata`` and ``ContentType``."""

    def pipe_file(self, path: str, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        """Encrypt and store bytes, up to 8 MiB in one request.

        Args:
            mode: ``overwrite`` | ``create``: only if there is no such object.

        Raises:
            FileExistsError: there is.
        """
        location = self._location(path)
        new = self._check_new(path, mode)
        with as_os_errors(path, creating=bool(new)):
            self._client(location.bucket).put_object(
                Bucket=location.bucket, Key=location.key, Body=value, **{**new, **kwargs}
            )

    def _check_new(self, path: str, mode: str) -> Mapping[str, str]:
        """Return the condition of a write, after a look: who creates hears of it before anything is sent."""
        if mode not in ("overwrite", "create"):
            raise SettingsError("mode has no such value", found=repr(mode), expected="overwrite | create")
        if mode == "overwrite":
            return {}
        if self._is_object(path):
            raise exists_already(path)
        return _NEW

    def put_file(
        self, lpath: Any, rpath: str, callback: Any = DEFAULT_CALLBACK, mode: str = "overwrite", **kwargs: Any
    ) -> None:
        """Encrypt and store a local file, in bounded memory; of a folder there is nothing to store."""
        if os.path.isdir(lpath):
            return
        location = self._location(rpath)
        new = self._check_new(rpath, mode)
        callback.set_size(os.path.getsize(lpath))
        with as_os_errors(rpath, creating=bool(new)):
            self._client(location.bucket).upload_file(
                lpath, location.bucket, location.key, {**new, **kwargs}, callback.relative_update
            )

    def get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **kwargs: Any
    ) -> None:
        """Write an object to a local file, whole and verified or not at all; a folder becomes a folder."""
        location = self._location(rpath)
        client, out = self._client(location.bucket), outfile or (lpath if isfilelike(lpath) else None)
        place = (location.bucket, location.key)
        if callback is not DEFAULT_CALLBACK:
            callback.set_size(self.info(rpath)["size"])
        try:
            with as_os_errors(rpath):
                if out is not None:
                    client.download_fileobj(*place, out, kwargs, callback.relative_update)
                    return
                os.makedirs(os.path.dirname(os.path.abspath(lpath)), exist_ok=True)
                client.download_file(*place, lpath, kwargs, callback.relative_update)
        except FileNotFoundError:
            if out is not None or not self.isdir(rpath):
                raise
            os.makedirs(lpath, exist_ok=True)

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Let S3 copy an object's ciphertext with its envelope; no key is used."""
        source, target = self._location(path1), self._location(path2)
        with as_os_errors(path1):
            self._client(target.bucket).copy_object(
                Bucket=target.bucket,
                Key=target.key,
                CopySource={"Bucket": source.bucket, "Key": source.key},
                **kwargs,
            )

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:  # noqa: ARG002
        """Make a bucket; below one there is nothing to make: a folder is there when something is in it.

        Args:
            kwargs: boto3's further parameters of create_bucket: outside us-east-1 AWS wants its
                ``CreateBucketConfiguration``.
        """
        bucket, key = self._split(path)
        if key:
            if self._options.remember_folders:
                self._made_folders.add(self._strip_protocol(path))
            return
        with as_os_errors(path):
            self._setup(bucket).store.ask(Location(bucket, ""), "create_bucket", "make", Bucket=bucket, **kwargs)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """See mkdir."""
        bucket, key = self._split(path)
        if key or not (exist_ok and self.exists(bucket)):
            self.mkdir(path)

    def rmdir(self, path: str) -> None:
        """Delete an empty bucket; below one there is nothing to delete."""
        bucket, key = self._split(path)
        if not key:
            with as_os_errors(path):
                self._setup(bucket).store.ask(Location(bucket, ""), "delete_bucket", "delete", Bucket=bucket)
        elif not self.exists(path):
            raise not_found(path)

    def rm_file(self, path: str) -> None:
        """Delete an object and its instruction file."""
        location = self._location(path)
        with as_os_errors(path):
            self._client(location.bucket).delete_object(Bucket=location.bucket, Key=location.key)

    _rm = rm_file

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete objects with their instruction files, 1000 in a request; ``recursive``: folders with all in them.

        Raises:
            FileNotFoundError: nothing matches, or with ``recursive`` nothing is there.
            TransferError: S3 did not delete one; the others may be deleted.
        """
        if recursive and maxdepth is None:
            for each in self.expand_path(path):
                self._rm_tree(each)
            return
        by_bucket: dict[str, list[str]] = defaultdict(list)
        for each in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            location = self._location(each)
            by_bucket[location.bucket].append(location.key)
        for bucket, keys in by_bucket.items():
            for at in range(0, len(keys), _BATCH):
                self._delete(bucket, keys[at : at + _BATCH])

    def _delete(self, bucket: str, keys: Iterable[str]) -> None:
        delete = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with as_os_errors(bucket):
            answer = self._client(bucket).delete_objects(Bucket=bucket, Delete=delete)
        for row in answer.get("Errors", ()):
            raise TransferError(
                "S3 did not delete the object",
                uri=Location(bucket, row["Key"]).uri,
                found=f"{row.get('Code')}: {row.get('Message')}",
                fix=fix_for(str(row.get("Code"))),
                code=row.get("Code"),
            )

    def _rm_tree(self, path: str) -> None:
        """Delete an object of this name and all that is below it, what is not shown included; a bucket, too."""
        bucket, key = self._split(path)
        setup = self._setup(bucket)
        below = [Location(bucket, each) for each in self._listing(bucket).keys(key)]
        itself = bool(key) and self._is_object(path)
        with as_os_errors(path):
            setup.store.delete(below)
        if itself:
            self.rm_file(path)
        elif key and not below:
            raise not_found(path)
        if not key:
            self.rmdir(bucket)
