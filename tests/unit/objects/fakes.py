"""Fakes of the ports: a KMS and a store that can be damaged, plus objects to damage."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import Profile
from s3cse.keyrings import Keyring
from s3cse.objects.policy import Policy
from s3cse.objects.upload import ObjectWriter, StagedUpload, complete
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, UploadedPart

KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000001"
PLACE = Location("bucket", "table/part-0.parquet")
ALLOW = Policy(legacy="allow")


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

    def count(self, method: str) -> int:
        """Return how many requests of this method there were."""
        return sum(name == method for name, _ in self.log)


def write_object(
    store: MemoryStore,
    keyring: Keyring,
    profile: Profile,
    plaintext: bytes,
    backend: Backend | None = None,
    part_bytes: int = 64,
) -> StagedUpload:
    """Write an object in small parts; it is visible on return."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=part_bytes, backend=backend) as writer:
        writer.write(plaintext)
        staged = writer.finish()
    complete(store, staged)
    return staged
