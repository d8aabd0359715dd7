"""One object or file from here to there: upload, download, or from S3 to S3."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3cse.cli.copies.new_file import new_file
from s3cse.cli.copies.recryption import Recryption
from s3cse.cli.copies.steady_file import SteadyFile
from s3cse.cli.work.crew import Stop
from s3cse.cli.work.entries import Entry
from s3cse.cli.work.places import in_s3, opened
from s3cse.cli.work.remote import Remote, taken_back
from s3cse.client import Client
from s3cse.errors import TransferError
from s3cse.storage.port import Location

#: What becomes of one entry.
COPIED, SKIPPED = "copied", "skipped"
#: Longer ones come in several requests at once.
_SHORT_BYTES = 8 << 20
_EXISTS = ("PreconditionFailed", "412")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was said of new objects and files.

    Args:
        replace: what is there already may go.
        guess_type: find an upload's content type by its name.
        parameters: boto3's, of every new object: ``ContentType``, ``StorageClass``, …
    """

    replace: bool = True
    guess_type: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Copier:
    """Copies one entry at a time, in any thread; memory does not depend on its length.

    Args:
        source, target: the ends that are in S3.
        recryption: from S3 to S3: which objects are encrypted anew.
        stop: hears of every piece.
    """

    def __init__(
        self, source: Remote | None, target: Remote | None, recryption: Recryption | None, wishes: Wishes, stop: Stop
    ) -> None:
        self._source = source
        self._target = target
        self._reading: Client | None = None if source is None else source.streaming()
        self._recryption = recryption
        self._wishes = wishes
        self._stop = stop

    def copy(self, entry: Entry, target: Location | Path) -> str:
        """Copy; return COPIED, or SKIPPED where the target is there and stays.

        Raises:
            S3CSEError, OSError: the target is as it was.
        """
        if isinstance(target, Path):
            return self._download(entry, target)
        if isinstance(entry.place, Path):
            return self._upload(entry.place, target)
        return self._between(entry, target)

    def _upload(self, path: Path, place: Location) -> str:
        if self._is_there(place):
            return SKIPPED
        extra = dict(self._wishes.parameters)
        guessed = mimetypes.guess_type(path.name)[0] if self._wishes.guess_type else None
        if guessed is not None:
            extra.setdefault("ContentType", guessed)
        if not self._wishes.replace:
            extra["IfNoneMatch"] = "*"  # S3 itself sees to it that nobody else's is replaced
        try:
            with SteadyFile(path) as file:
                opened(self._target).client.upload_fileobj(
                    file, place.bucket, place.key, ExtraArgs=extra, Callback=self._stop.advance
                )
        except TransferError as error:
            if not self._wishes.replace and error.code in _EXISTS:
                return SKIPPED
            raise
        return COPIED

    def _is_there(self, place: Location) -> bool:
        return not self._wishes.replace and opened(self._target).store.head(place) is not None

    def _download(self, entry: Entry, path: Path) -> str:
        if not self._wishes.replace and path.exists():
            return SKIPPED
        place = in_s3(entry.place)
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or a device: nothing to take its place
            opened(self._source).client.download_file(place.bucket, place.key, path, Callback=self._stop.advance)
            return COPIED
        path.parent.mkdir(parents=True, exist_ok=True)
        client = opened(self._reading)
        try:
            with taken_back(), new_file(path, entry.modified, replace=self._wishes.replace) as out:
                client.download_fileobj(
                    place.bucket, place.key, out, Callback=self._stop.advance, Config=_at_once(entry.size)
                )
        except FileExistsError:
            if self._wishes.replace:
                raise
            return SKIPPED
        return COPIED

    def _between(self, entry: Entry, target: Location) -> str:
        place = in_s3(entry.place)
        if self._is_there(target):
            return SKIPPED
        remote = opened(self._target)
        if self._recryption is not None and self._recryption.wanted(place):
            with taken_back():
                self._recryption.copy(place, target, self._wishes.parameters, self._stop)
            return COPIED
        remote.client.copy_object(
            Bucket=target.bucket,
            Key=target.key,
            CopySource={"Bucket": place.bucket, "Key": place.key},
            **_of_copies(self._wishes.parameters),
        )
        self._stop.advance(entry.size)
        return COPIED


@dataclass(frozen=True, slots=True)
class _Config:
    """What Client takes of boto3's TransferConfig."""

    multipart_threshold: int


def _at_once(size: int) -> _Config | None:
    """Have a short object come in one request."""
    return _Config(size) if size <= _SHORT_BYTES else None


def _of_copies(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a copy on the server: what describes the content is kept, unless something is said."""
    described = {"ContentType", "Metadata", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage"}
    replaced = {"MetadataDirective": "REPLACE"} if described & set(parameters) else {}
    return {**parameters, **replaced}
