"""Fakes of the ports: a KMS and a store that can be damaged, plus objects to damage."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import Profile
from s3cse.keyrings import Keyring
from s3cse.objects.open import OpenObject, open_object
from s3cse.objects.policy import Policy
from s3cse.objects.upload import ObjectWriter, StagedUpload, complete
from s3cse.objects.writer import Writer
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, UploadedPart

KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000001"
PLACE = Location("bucket", "table/part-0.parquet")
ALLOW = Policy(legacy="allow")
#: Bytes of a request where the fixture `small_requests` is used.
REQUEST = 64


class FakeKms:
    """A boto3-like client, strict about key and context; ``refusal`` is raised in place of the next answers."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.secrets: list[bytes] = []
        self.refusal: Exception | None = None
        self._blobs: dict[bytes, tuple[bytes, str, str]] = {}

    def generate_data_key(self, **arguments: Any) -> dict[str, Any]:
        self._log("GenerateDataKey")
        key, blob = os.urandom(32), os.urandom(184)
        self.secrets.append(key)
        self._blobs[blob] = (key, arguments["KeyId"], _text(arguments))
        return {"Plaintext": key, "CiphertextBlob": blob, "KeyId": arguments["KeyId"]}

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        self._log("Decrypt")
        key, key_id, context = self._blobs.get(arguments["CiphertextBlob"], (b"", "", ""))
        if context != _text(arguments):
            raise refusal("InvalidCiphertextException")
        if key_id != arguments["KeyId"]:
            raise refusal("IncorrectKeyException")
        return {"Plaintext": key, "KeyId": key_id}

    def _log(self, operation: str) -> None:
        self.operations.append(operation)
        if self.refusal is not None:
            raise self.refusal


def _text(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments["EncryptionContext"], sort_keys=True)


def refusal(code: str) -> ClientError:
    """Return what botocore raises for this KMS error."""
    return ClientError({"Error": {"Code": code, "Message": "because"}}, "Decrypt")


class RecordingStore(MemoryStore):
    """A store that remembers every part's bytes, and whose objects can be changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[int, bytes]] = []

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        self.sent.append((number, bytes(body)))
        return super().upload_part(location, upload_id, number, body)

    def body(self, location: Location = PLACE) -> bytes:
        """Return the stored bytes."""
        return self._objects[location][0]

    def metadata(self, location: Location = PLACE) -> dict[str, str]:
        """Return the stored metadata."""
        return dict(self._objects[location][1])

    def damage(self, *, body: bytes | None = None, metadata: Mapping[str, str] | None = None) -> None:
        """Replace body or metadata of the object."""
        old_body, old_metadata = self._objects[PLACE]
        self._objects[PLACE] = (
            old_body if body is None else body,
            dict(old_metadata if metadata is None else metadata),
        )

    def flip(self, place: int, mask: int = 1) -> None:
        """Change one byte of the object's body."""
        body = bytearray(self.body())
        body[place] ^= mask
        self.damage(body=bytes(body))

    def count(self, method: str) -> int:
        """Return how many requests of this method there were."""
        return sum(name == method for name, _ in self.log)


class Unordered(RecordingStore):
    """A store in which every request takes a time of its own, so that they end in another order than they began."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how
        self._random = random.Random(7)
        self._lock_order = threading.Lock()
        self.ended: list[int] = []

    def _pause(self, number: int) -> None:
        with self._lock_order:
            seconds = self._random.uniform(0, 0.004) if self._how == "random" else 0.002 * (-number % 4)
        time.sleep(seconds)

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        self._pause(number)
        part = super().upload_part(location, upload_id, number, body)
        self.ended.append(number)
        return part

    def get_into(self, location: Location, start: int, out: Any, if_match: str) -> None:
        self._pause(start // 64)
        super().get_into(location, start, out, if_match)
        self.ended.append(start)


class Blocking(RecordingStore):
    """Holds every part until the gate opens; knows how many are inside at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.lock = threading.Lock()
        self.inside = self.most = 0

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.gate.wait(20)
        with self.lock:
            self.inside -= 1
        return super().upload_part(location, upload_id, number, body)

    def wait_for(self, count: int) -> None:
        """Wait until this many parts are inside, and a little longer, for the one too many."""
        deadline = time.monotonic() + 10
        while self.inside < count and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)


def open_files_in(folder: Path) -> int:
    """Return how many files of this folder the process holds open, unlinked ones included."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # another thread's has gone meanwhile
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sum(link.startswith(str(folder)) for link in links)


def opened_of(
    store: RecordingStore, keyring: Keyring, backend: Backend | None = None, tail_bytes: int = 32
) -> OpenObject:
    """Open the object, CBC too, with the last bytes of its body."""
    return open_object(store, keyring, PLACE, ALLOW, tail_bytes=tail_bytes, backend=backend)


def write_object(
    store: MemoryStore,
    keyring: Keyring,
    profile: Profile,
    plaintext: bytes,
    backend: Backend | None = None,
    part_bytes: int = 64,
    length: int | None = None,
) -> StagedUpload:
    """Write an object in small parts; it is visible on return."""
    with ObjectWriter(store, PLACE, keyring, profile, length=length, part_bytes=part_bytes, backend=backend) as writer:
        writer.write(plaintext)
        staged = writer.finish()
    complete(store, staged)
    return staged


def write_all(writer: Writer, plaintext: bytes, step: int = 1 << 20) -> StagedUpload:
    """Write a whole object in pieces of this length, and finish it."""
    for at in range(0, len(plaintext), step):
        writer.write(plaintext[at : at + step])
    return writer.finish()


def assert_dead(writer: Writer) -> None:
    """A writer that is aborted takes nothing more, and may be aborted again."""
    for use in (lambda: writer.write(b"x"), writer.finish):
        with pytest.raises(ValueError, match="finished or aborted"):
            use()
    writer.abort()


def assert_nothing_in(store: MemoryStore) -> None:
    """There is neither object nor upload."""
    assert store.head(PLACE) is None
    assert list(store.list_uploads(PLACE)) == []
