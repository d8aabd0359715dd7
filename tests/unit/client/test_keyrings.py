"""The client with every kind of key that is not KMS."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import s3cse
from s3cse.errors import S3CSEError
from s3cse.keyrings.aes import AesKeyring
from s3cse.keyrings.rsa import RsaKeyring

TEXT = os.urandom(100_000)


def rsa_keyring() -> RsaKeyring:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return RsaKeyring(private_key=pem)


@pytest.mark.parametrize("kind", ["aes", "rsa"])
@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize("profile", ["emrfs-v2", "emrfs", "s3ec-v4"])
def test_round_trip(s3: Any, at: dict[str, str], kind: str, storage: str, profile: str) -> None:
    """Put, get, range, head; another key does not open it."""

    def made() -> s3cse.Client:
        keyring = AesKeyring(os.urandom(32)) if kind == "aes" else rsa_keyring()
        return s3cse.Client(s3, keyring, profile=profile, storage=storage, legacy="allow")

    client = made()
    client.put_object(**at, Body=TEXT, Metadata={"a": "b"})
    answer = client.get_object(**at)
    assert (answer["Body"].read(), answer["Metadata"]) == (TEXT, {"a": "b"})
    assert client.get_object(**at, Range="bytes=31-65")["Body"].read() == TEXT[31:66]
    assert client.head_object(**at)["ContentLength"] == len(TEXT)
    with pytest.raises(S3CSEError):
        made().get_object(**at)["Body"].read()
