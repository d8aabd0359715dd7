"""Fakes of the ports, for unit tests: a keyring without KMS, a store that fails at a chosen call."""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, WRAP_KMS, Envelope
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError, TransferError
from s3cse.keyrings.base import DataKey
from s3cse.objects.put import put_object
from s3cse.objects.upload import ObjectWriter, complete
from s3cse.parquet.encrypted_file import EncryptedFile
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import ListedObject, ListedPage, Location, PendingUpload, StoredObject, UploadedPart

GCM = find_profile("emrfs-v2", "kms")
CBC = find_profile("emrfs", "kms")
TABLE = Location("bucket", "lake/table")


class FakeKeyring:
    """Data keys that only this object knows. ``keys`` are all it made, ``unwraps`` counts the keys asked for."""

    kind = "kms"

    def __init__(self) -> None:
        self.keys: dict[bytes, bytes] = {}
        self.unwraps = 0

    def for_encryption(self, uri: str) -> FakeKeyring:
        """See Keyring."""
        assert uri.startswith("s3://")
        return self

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring."""
        encrypted, plaintext = b"wrapped-" + os.urandom(24), os.urandom(32)
        self.keys[encrypted] = plaintext
        if profile.wrap_algorithm == WRAP_KMS:
            context = {KMS_KEY_ID_ENTRY: "fake"}
        else:
            context = {RESERVED_CONTEXT_KEY: profile.content_algorithm.value}
        return DataKey(Secret(plaintext), encrypted, context)

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring."""
        self.unwraps += 1
        if envelope.encrypted_data_key not in self.keys:
            raise KeyringError("not a key of this keyring")
        return Secret(self.keys[envelope.encrypted_data_key])


@dataclass
class Lake:
    """A table in memory."""

    store: MemoryStore = field(default_factory=MemoryStore)
    keyring: FakeKeyring = field(default_factory=FakeKeyring)
    table: Location = TABLE

    def put(self, name: str, rows: pa.Table | bytes, profile: Profile | None = GCM, **writing: Any) -> Location:
        """Store rows as a Parquet file, or bytes as they are, encrypted under a profile (None: plain)."""
        body = rows if isinstance(rows, bytes) else parquet(rows, **writing)
        location = self.table.child(name)
        if profile is None:
            self.store.put(location, body)
        else:
            put_object(self.store, location, self.keyring, profile, body)
        return location

    def put_indexed(
        self,
        name: str,
        rows: pa.Table,
        profile: Profile = GCM,
        *,
        segment_bytes: int = 4096,
        row_group_size: int | None = None,
        **writing: Any,
    ) -> Location:
        """Store rows as a Parquet file with a segment index, in parts of 64 KiB."""
        location = self.table.child(name)
        upload = ObjectWriter(
            self.store,
            location,
            self.keyring,
            profile,
            part_bytes=max(64 << 10, segment_bytes),
            segment_bytes=segment_bytes,
        )
        target = EncryptedFile(upload)
        writer = pq.ParquetWriter(pa.PythonFile(target, mode="w"), rows.schema, write_page_index=True, **writing)
        writer.write_table(rows, row_group_size=row_group_size)
        target.end(writer)
        complete(self.store, upload.finish())
        return location

    def names(self) -> set[str]:
        """Return the names of all objects, hidden ones too."""
        return {row.location.key.removeprefix(f"{self.table.key}/") for row in self.store.list(self.table)}

    def change(self, location: Location, at: int) -> None:
        """Flip one bit of a stored body, keeping the metadata."""
        stored, body = self.store.get_tail(location, 1 << 30)
        changed = bytearray(body)
        changed[at] ^= 1
        self.store.put(location, bytes(changed), stored.metadata)


def parquet(rows: pa.Table, **writing: Any) -> bytes:
    """Return rows as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, **writing)
    return sink.getvalue()


class FailingStore:
    """A store in front of another whose nth call fails.

    Args:
        inner: does the work.
        fail_at: the number of the failing call, from 1; 0: none fails.
        how: ``refused``: the call is not made; ``lost``: it is made and its answer is lost; ``half``: a deletion of
            several objects stops in the middle, others are refused.
        dead: every call after that one is refused, too: the process has lost its network, or its life.
    """

    def __init__(self, inner: Any, fail_at: int = 0, *, how: str = "refused", dead: bool = False) -> None:
        self._inner = inner
        self._fail_at = fail_at
        self._how = how
        self._dead = dead
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        self.calls = 0

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        with self._lock:
            self.calls = number = next(self._count)
        fails = number == self._fail_at
        gone = self._dead and self._fail_at and number > self._fail_at
        if fails and self._how == "half" and name == "delete":
            locations = arguments[0]
            self._inner.delete(locations[: len(locations) // 2])
        if gone or (fails and self._how != "lost"):
            raise TransferError(f"{name} failed on demand", status=503, code="SlowDown")
        result = getattr(self._inner, name)(*arguments, **named)
        if name in ("list", "list_uploads"):
            result = list(result)
        if fails:
            raise TransferError(f"the answer to {name} was lost", code="ConnectionClosed")
        return result

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore."""
        return self._call("get_tail", location, length)

    def get_front(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore."""
        return self._call("get_front", location, length)

    def get_into(self, location: Location, start: int, out: Any, if_match: str) -> None:
        """See ObjectStore."""
        self._call("get_into", location, start, out, if_match)

    def head(self, location: Location) -> StoredObject | None:
        """See ObjectStore."""
        return self._call("head", location)

    def list(self, prefix: Location) -> Iterator[ListedObject]:
        """See ObjectStore."""
        return iter(self._call("list", prefix))

    def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
        """See ObjectStore."""
        return self._call("list_page", prefix, token, folders=folders)

    def put(self, location: Location, body: bytes, metadata: Mapping[str, str] | None = None) -> str:
        """See ObjectStore."""
        return self._call("put", location, body, metadata)

    def put_if(
        self, location: Location, body: bytes, metadata: Mapping[str, str] | None = None, *, etag: str | None
    ) -> str:
        """See ObjectStore."""
        return self._call("put_if", location, body, metadata, etag=etag)

    def delete(self, locations: Sequence[Location]) -> None:
        """See ObjectStore."""
        self._call("delete", locations)

    def delete_if(self, location: Location, etag: str) -> bool:
        """See ObjectStore."""
        return self._call("delete_if", location, etag)

    def create_upload(self, location: Location, metadata: Mapping[str, str]) -> str:
        """See ObjectStore."""
        return self._call("create_upload", location, metadata)

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        """See ObjectStore."""
        return self._call("upload_part", location, upload_id, number, body)

    def complete_upload(self, location: Location, upload_id: str, parts: Sequence[UploadedPart]) -> str:
        """See ObjectStore."""
        return self._call("complete_upload", location, upload_id, parts)

    def abort_upload(self, location: Location, upload_id: str) -> None:
        """See ObjectStore."""
        self._call("abort_upload", location, upload_id)

    def list_uploads(self, prefix: Location) -> Iterator[PendingUpload]:
        """See ObjectStore."""
        return iter(self._call("list_uploads", prefix))


class CountingStore(FailingStore):
    """A store that counts the requests for bodies and their bytes."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.gets: list[tuple[str, int]] = []

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore."""
        stored, body = super().get_tail(location, length)
        self.gets.append((location.key, len(body)))
        return stored, body

    def get_front(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore."""
        stored, body = super().get_front(location, length)
        self.gets.append((location.key, len(body)))
        return stored, body

    def get_into(self, location: Location, start: int, out: Any, if_match: str) -> None:
        """See ObjectStore."""
        super().get_into(location, start, out, if_match)
        self.gets.append((location.key, memoryview(out).nbytes))

    def bytes_of(self, location: Location) -> int:
        """Return how many bytes of an object were fetched."""
        return sum(size for key, size in self.gets if key == location.key)
