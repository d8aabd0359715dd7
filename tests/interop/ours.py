"""Our side of the matrix: ``s3cse.Client``, with the keys and places that the other clients get."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Any

from boto3.s3.transfer import TransferConfig

import s3cse
import s3cse.keyrings
import s3cse.local
from interop.jobs import Body, Key


@dataclass(frozen=True)
class Case:
    """An object, and what it takes to write or read it."""

    bucket: str
    key: str
    keyring: Key
    profile: str = "emrfs-v2"
    storage: str = "metadata"
    context: dict[str, str] = field(default_factory=dict)
    suffix: str = ".instruction"
    #: Reading, take the context in place of the stored one.
    override: bool = False
    #: Another S3 server than SeaweedFS.
    s3_url: str | None = None
    body: Body | None = None


def client(servers: s3cse.local.Servers, case: Case) -> Any:
    """Return our client with a case's key and settings; reading, it takes whatever the object is."""
    return s3cse.Client(
        servers.s3_client(case.s3_url),
        keyring(servers, case),
        profile=case.profile,
        storage=case.storage,
        instruction_suffix=case.suffix,
        legacy="allow",
    )


def keyring(servers: s3cse.local.Servers, case: Case) -> Any:
    """Return our keyring for a key."""
    key, context = case.keyring, case.context or None
    if key.type == "kms" and case.override:
        return s3cse.keyrings.KmsKeyring(servers.kms_client(), key.id, override_context=context)
    if key.type == "kms":
        return s3cse.keyrings.KmsKeyring(servers.kms_client(), key.id, context=context)
    if key.type == "aes":
        return s3cse.keyrings.AesKeyring(base64.b64decode(key.aes), matdesc=context)
    return s3cse.keyrings.RsaKeyring(private_key=key.privateKey.encode(), matdesc=context)


def write(servers: s3cse.local.Servers, case: Case) -> None:
    """Encrypt a case's body into its object, in parts if the body says so."""
    assert case.body is not None
    if case.body.part_size is None:
        client(servers, case).put_object(Bucket=case.bucket, Key=case.key, Body=case.body.data)
        return
    config = TransferConfig(multipart_threshold=case.body.part_size, multipart_chunksize=case.body.part_size)
    client(servers, case).upload_fileobj(io.BytesIO(case.body.data), case.bucket, case.key, Config=config)


def read(servers: s3cse.local.Servers, case: Case) -> bytes:
    """Return a case's object, decrypted."""
    return bytes(client(servers, case).get_object(Bucket=case.bucket, Key=case.key)["Body"].read())
