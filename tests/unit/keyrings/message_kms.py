"""A boto3-like KMS client of one Region in memory, for data keys of messages; multi-Region keys have relatives."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from .fake_kms import client_error

ACCOUNT = "111122223333"
MULTI_REGION_ID = "mrk-00000000000040008000000000000001"


def arn_of(region: str, key_id: str, account: str = ACCOUNT) -> str:
    """The ARN of a key."""
    return f"arn:aws:kms:{region}:{account}:key/{key_id}"


class MessageKms:
    """Wraps by writing everything into the blob; strict about key, Region and context. ``calls`` lists every call."""

    def __init__(self, region: str, aliases: Mapping[str, str] | None = None) -> None:
        self.meta = SimpleNamespace(region_name=region)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._aliases = dict(aliases or {})

    def generate_data_key(self, **arguments: Any) -> dict[str, Any]:
        key = os.urandom(arguments["NumberOfBytes"])
        return {**self._wrap("GenerateDataKey", key, arguments), "Plaintext": key}

    def encrypt(self, **arguments: Any) -> dict[str, Any]:
        return self._wrap("Encrypt", arguments["Plaintext"], arguments)

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("Decrypt", arguments))
        arn = self._arn(arguments["KeyId"], "Decrypt")
        key, material, context = json.loads(arguments["CiphertextBlob"])
        if context != arguments["EncryptionContext"]:
            raise client_error("InvalidCiphertextException", "Decrypt")
        if material != self._material(arn):
            raise client_error("IncorrectKeyException", "Decrypt", "another key")
        return {"Plaintext": bytes.fromhex(key), "KeyId": arn}

    def _wrap(self, operation: str, key: bytes, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, arguments))
        arn = self._arn(arguments["KeyId"], operation)
        blob = json.dumps([key.hex(), self._material(arn), arguments["EncryptionContext"]]).encode()
        return {"CiphertextBlob": blob, "KeyId": arn}

    def _arn(self, key_id: str, operation: str) -> str:
        arn = self._aliases.get(key_id, key_id)
        arn = arn if arn.startswith("arn:") else arn_of(self.meta.region_name, arn)
        if arn.split(":")[3] != self.meta.region_name:
            raise client_error("NotFoundException", operation, "another Region")
        return arn

    def _material(self, arn: str) -> str:
        parts = arn.split(":")
        return ":".join(parts[4:]) if MULTI_REGION_ID in arn else arn
