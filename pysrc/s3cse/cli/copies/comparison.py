"""Whether a target is what its source is, as ``sync`` asks: by the plaintext's size and the time, or by the bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from s3cse.cli.work.entries import Entry
from s3cse.cli.work.places import opened
from s3cse.cli.work.remote import Remote, taken_back
from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES
from s3cse.envelope.profiles import SSE_C
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Rules:
    """What ``sync`` was told.

    Args:
        size_only: times do not matter.
        exact_timestamps: downloads: times must be equal.
        checksum: the bytes decide, and nothing else.
    """

    size_only: bool = False
    exact_timestamps: bool = False
    checksum: bool = False


class Comparison:
    """Tells whether an entry has to be copied over another.

    The listing has stored sizes only. For most objects they say enough: AES-GCM adds 16 bytes. A HEAD decides where
    they do not: where the length could also be that of AES-CBC or of an Encryption SDK message.
    """

    def __init__(self, source: Remote | None, target: Remote | None, rules: Rules) -> None:
        self._source = source
        self._target = target
        self._rules = rules
        # A length is no content: what the rules say of reading does not matter.
        lax = {"legacy": "allow", "plaintext": "pass", "commitment": "allow"}
        self._measuring = {end: end.under(**lax) for end in (source, target) if end is not None}

    def same(self, source: Entry, target: Entry) -> bool:
        """Whether the target may stay.

        Raises:
            S3CSEError, OSError: it cannot be said.
        """
        if self._rules.checksum:
            return self._digest(source, self._source) == self._digest(target, self._target)
        return self._same_time(source, target) and self._same_size(source, target)

    def _same_time(self, source: Entry, target: Entry) -> bool:
        """As the AWS CLI has it: an upload or copy may not be older than its source; a download not younger.

        What was downloaded has the object's time.
        """
        if self._rules.size_only:
            return True
        ours, theirs = _second(source.modified), _second(target.modified)
        if ours is None or theirs is None:
            return False
        if isinstance(target.place, Location):
            return theirs >= ours
        return theirs == ours if self._rules.exact_timestamps else theirs <= ours

    def _same_size(self, source: Entry, target: Entry) -> bool:
        if isinstance(source.place, Path):
            return self._has_length(target, source.size, self._target)
        if isinstance(target.place, Path):
            return self._has_length(source, target.size, self._source)
        if source.size == target.size:  # of one format, as copies are, equal plaintexts have equal lengths
            return True
        return self._length(source, self._source) == self._length(target, self._target)

    def _has_length(self, entry: Entry, length: int, remote: Remote | None) -> bool:
        stored = entry.size
        if opened(remote).options.profile == SSE_C:
            return stored == length
        if stored <= length:
            return False  # whatever encrypts adds something
        if stored == length + GCM_TAG_BYTES and stored % BLOCK_BYTES:
            return True  # AES-CBC has whole blocks only
        if stored < length + GCM_TAG_BYTES and stored % BLOCK_BYTES:
            return False
        return self._length(entry, remote) == length

    def _length(self, entry: Entry, remote: Remote | None) -> int:
        place = entry.place
        if isinstance(place, Path):
            return entry.size
        client = self._measuring[opened(remote)]
        return int(client.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"])

    @staticmethod
    def _digest(entry: Entry, remote: Remote | None) -> bytes:
        """Return a checksum of the plaintext, which stays here; an object is read whole, and verified."""
        hashed = hashlib.sha256()
        if isinstance(entry.place, Path):
            with open(entry.place, "rb") as file:
                while chunk := file.read(_READ_BYTES):
                    hashed.update(chunk)
        else:
            place = entry.place
            with taken_back():
                opened(remote).streaming().download_fileobj(place.bucket, place.key, _Into(hashed))
        return hashed.digest()


class _Into:
    """A file whose bytes go into a checksum."""

    def __init__(self, hashed: hashlib._Hash) -> None:
        self._hashed = hashed

    def write(self, data: Buffer) -> int:
        self._hashed.update(data)
        return memoryview(data).nbytes


def _second(moment: datetime | None) -> int | None:
    """Return whole seconds: S3 knows no more."""
    return None if moment is None else int(moment.timestamp())
