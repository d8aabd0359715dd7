"""A boto3-like KMS client in memory, strict about key and context; blobs name nothing, so a foreign one never opens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000001"
OTHER_KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000002"


class FakeKms:
    """``calls`` lists the operation and arguments of every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.secrets: list[bytes] = []
        self._blobs: dict[bytes, tuple[bytes, str, dict[str, str]]] = {}

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.calls)

    def generate_data_key(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("GenerateDataKey", arguments))
        key, blob = os.urandom(32), os.urandom(184)
        self.secrets.append(key)
        self._blobs[blob] = (key, arguments["KeyId"], dict(arguments["EncryptionContext"]))
        return {"Plaintext": key, "CiphertextBlob": blob, "KeyId": KEY}

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("Decrypt", arguments))
        key, key_id, context = self._blobs.get(arguments["CiphertextBlob"], (b"", "", {}))
        if not key or context != arguments["EncryptionContext"]:
            raise client_error("InvalidCiphertextException", "Decrypt")
        if key_id != arguments["KeyId"]:
            raise client_error("IncorrectKeyException", "Decrypt", "another key")
        return {"Plaintext": key, "KeyId": KEY}


def client_error(code: str, operation: str, message: str | None = None) -> ClientError:
    """Return what botocore raises for this code."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, operation)  # type: ignore[arg-type]
