"""Stored bytes of an object that is not open yet: what came along is not fetched again."""

from __future__ import annotations

from dataclasses import dataclass, field

from s3cse.storage.port import ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """An object of which the first and the last bytes are here; either may be none, or all."""

    store: ObjectStore = field(repr=False)
    stored: StoredObject
    front: bytes = field(repr=False)
    tail: bytes = field(repr=False)

    def bring(self, start: int, end: int) -> bytes:
        """Return the stored bytes [start, end), which the object has; in one request at most.

        Raises:
            TransferError: they could not be fetched, or the object was replaced meanwhile.
        """
        tail_at = self.stored.size - len(self.tail)
        if start >= tail_at:
            return self.tail[start - tail_at : end - tail_at]
        if end <= len(self.front):
            return self.front[start:end]
        begun = self.front[start:]
        at = start + len(begun)
        missing = bytearray(max(min(end, tail_at) - at, 0))
        if missing:
            self.store.get_into(self.stored.location, at, missing, self.stored.etag)
            at += len(missing)
        return b"".join((begun, missing, self.tail[at - tail_at : end - tail_at] if end > tail_at else b""))
