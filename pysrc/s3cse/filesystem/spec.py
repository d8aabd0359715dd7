"""The filesystem ``s3cse``: paths are ``bucket/key``, sizes and positions those of the plaintext."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, NoReturn

from fsspec.compression import compr
from fsspec.core import get_compression

from s3cse.client.answers import description
from s3cse.filesystem.bulk import BulkOperations
from s3cse.filesystem.changing import Changing
from s3cse.filesystem.entries import file
from s3cse.filesystem.os_errors import as_os_errors, exists_already
from s3cse.filesystem.parallel import outcomes
from s3cse.filesystem.reading import EncryptedReadFile
from s3cse.filesystem.source_pool import Lease
from s3cse.filesystem.sources import open_source
from s3cse.filesystem.wrappers import CompressedWriteFile, TextWriteFile
from s3cse.filesystem.writing import EncryptedWriteFile, Target, refuse_appending
from s3cse.objects.ranges import Span
from s3cse.parquet.input import TAIL_BYTES
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

_TEXT = ("encoding", "errors", "newline")
_MODES = ("rb", "wb", "xb")


class S3cseFileSystem(BulkOperations, Changing):
    """Encrypted objects as files, for whatever takes fsspec filesystems.

    Reading authenticates as ``integrity`` says, ``strict`` by default: before a byte of an object comes out, the range
    (Parquet files with a segment index) or the whole of it has been verified. Writing is visible when a file is closed,
    and not at all after an error. Errors that Python has names for are those (FileNotFoundError, FileExistsError,
    PermissionError); others are s3cse.errors.

    It may be pickled, and works after a fork: clients and keyrings are made anew from the options. Threads may share
    it.

    Args:
        storage_options: the words of docs/options.md for single objects, in any letter case (``kmsKeyId``, ``keyring``,
            ``region``, ``endpointUrl``, ``profile``, ``storage``, ``integrity``, ``legacy`` …), below them the
            cluster's settings and the environment; and

            - ``client``, ``keyring``: a boto3 S3 client and a keyring as ready objects. Such a filesystem stays here.
            - ``exactSizes``: whether listings ask S3 for sizes that they cannot tell. Default: they are None.
            - ``parquetIndex``: give Parquet files above 8 MiB a segment index as they are written, so that reading
              few columns of them fetches few bytes. What is read is then longer than what was written. Default: no.
            - ``rememberFolders``: a folder that ``mkdir`` made can be listed before anything is in it, as DuckDB's
              COPY with PARTITION_BY wants it. Default: no, as S3 has none.
            - ``default_cache_type``, ``default_block_size``: of fsspec, for files that are read.
            - ``spoolDirectory``: where ciphertext waits; default: the system's temporary directory.

    Raises:
        SettingsError: an option that does not exist.
    """

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: Mapping[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return a file; see fsspec. ``kwargs`` may hold boto3's parameters (``VersionId``, ``Metadata`` …)."""
        binary = mode.replace("t", "") + ("" if "b" in mode else "b")
        if "r" in mode or binary not in _MODES:
            return super().open(path, mode, block_size, cache_options, compression, **kwargs)
        text = {name: kwargs.pop(name) for name in _TEXT if name in kwargs}
        made: Any = super().open(path, binary, block_size, cache_options, **kwargs)
        if compression is not None:
            compressor = compr[get_compression(path, compression)]
            made = CompressedWriteFile(compressor(made, mode="w"), made)
        return made if "b" in mode else TextWriteFile(made, **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        cache_type: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if mode not in _MODES:
            raise refuse_appending(path)
        if mode != "rb":
            return EncryptedWriteFile(self, self._target(path, mode == "xb", kwargs), mode, autocommit=autocommit)
        kwargs.pop("size", None)  # a file that was pickled says its own; it is asked again
        with ExitStack() as undo:
            lease = undo.enter_context(closing(self._lease(path, kwargs)))
            stored, size = lease.opened.stored, lease.opened.plaintext_bytes
            made = EncryptedReadFile(
                self,
                path,
                lease,
                file(path, size, stored.size, description(stored, size, None)),
                block_size=block_size or self._options.block_size,
                cache_type=cache_type or self._options.cache_type,
                cache_options=cache_options,
            )
            undo.pop_all()
        return made

    def _target(self, path: str, new: bool, given: Mapping[str, Any]) -> Target:
        location = self._location(path)
        if new and self._is_object(path):
            raise exists_already(path)
        setup = self._setup(location.bucket)
        further = {**({"IfNoneMatch": "*"} if new else {}), **given}
        metadata = further.pop("Metadata", None) or {}
        return Target(
            setup,
            setup.writing(location, "open", further),
            location,
            metadata,
            new=new,
            indexed=self._options.parquet_index,
            spool_directory=self._options.spool_directory,
        )

    def _lease(self, path: str, given: Mapping[str, Any]) -> Lease:
        """Open an object, or find that it is open: one GET, or one HEAD."""
        location = self._location(path)
        setup = self._setup(location.bucket)
        with as_os_errors(path):
            known = None if given else self._sources.find(location, partial(_etag, setup.store, location))
            if known is not None:
                return known
            opened = setup.open(setup.reading(location, "open", given), location, TAIL_BYTES)
            return self._sources.add(opened, open_source(opened, setup.policy, self._options.spool_directory))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        """Return the plaintext of an object or, in plaintext positions as of a slice, of a range of it.

        Args:
            kwargs: boto3's further parameters of get_object.
        """
        if start is not None or end is not None:
            return self._cat_spans(path, [(start, end)], kwargs)[0]
        location = self._location(path)
        with as_os_errors(path):
            answer = self._client(location.bucket).get_object(Bucket=location.bucket, Key=location.key, **kwargs)
            with closing(answer["Body"]) as body:
                return bytes(body.read())

    def _cat_spans(
        self, path: str, wanted: Sequence[tuple[int | None, int | None]], given: Mapping[str, Any]
    ) -> list[bytes]:
        """Return ranges of one object, which is opened and, where it must be, verified once."""
        with closing(self._lease(path, given)) as lease, as_os_errors(path):
            spans = [_span(start, end, lease.opened.plaintext_bytes) for start, end in wanted]
            return [bytes(buffer.to_pybytes()) for buffer in lease.read(spans)]

    def cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,  # noqa: ARG002 - fsspec's
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """Return ranges of many objects, each opened once, several at once; ranges less than 1 MiB apart are one.

        Args:
            max_gap: ignored: the gap that costs as much as a request is known.
            on_error: ``return`` puts the exception in the place of the bytes, else it is raised.
        """
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        firsts = starts if isinstance(starts, list) else [starts] * len(paths)
        lasts = ends if isinstance(ends, list) else [ends] * len(paths)
        if not len(paths) == len(firsts) == len(lasts):
            raise ValueError("there must be one start and one end for each path")
        places: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            places.setdefault(path, []).append(number)
        work = [
            partial(self._cat_spans, path, [(firsts[number], lasts[number]) for number in numbers], kwargs)
            for path, numbers in places.items()
        ]
        found: list[Any] = [None] * len(paths)
        for numbers, outcome in zip(places.values(), outcomes(work), strict=True):
            if isinstance(outcome, Exception) and on_error != "return":
                raise outcome
            for at, number in enumerate(numbers):
                found[number] = outcome if isinstance(outcome, Exception) else outcome[at]
        return found

    def sign(self, path: str, expiration: int = 100, **kwargs: Any) -> NoReturn:
        """Raise NotImplementedError: who follows a signed address gets ciphertext."""
        raise NotImplementedError("a signed address gives ciphertext: share the object and a key that opens it")


def _etag(store: S3Store, location: Location) -> str | None:
    stored = store.head(location)
    return None if stored is None else stored.etag


def _span(start: int | None, end: int | None, length: int) -> Span:
    first, last, _ = slice(start, end).indices(length)
    return Span(first, max(first, last))
