"""Objects to rotate on a real S3 server, under keys of a strict KMS and raw ones."""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

import boto3
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import s3cse
from faults.kms_stub import KmsStub
from s3cse.keyrings import AesKeyring, Keyring, KmsKeyring, RsaKeyring
from s3cse.keys.rotation import Rotation, RotationOptions
from s3cse.objects.policy import Policy
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

BODY = bytes(range(256)) * 5
ANY = Policy(legacy="allow", plaintext="pass")
RSA = {name: generate_private_key(65537, 2048) for name in ("old", "new")}
AES = {name: os.urandom(32) for name in ("old", "new")}


def stub_client(stub: KmsStub, region: str = "us-east-1") -> Any:
    """Return a boto3 client of the stub."""
    return boto3.client(
        "kms", endpoint_url=stub.url, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
    )


@dataclass
class Place:
    """A prefix of the test's own, and what S3 was asked."""

    s3: Any
    bucket: str
    stub: KmsStub
    kms: Any = None
    prefix: str = field(default_factory=lambda: f"rotation-{uuid.uuid4().hex}/")
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kms = self.kms or stub_client(self.stub)
        self.kms_keys = {name: self.stub.create_key() for name in ("old", "new")}
        self.s3.meta.events.register("provide-client-params.s3.*", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        self.asked.append(model.name)

    def leave(self) -> None:
        """Stop noting what the client is asked, which others may use."""
        self.s3.meta.events.unregister("provide-client-params.s3.*", self._note)

    def keyring(self, kind: str, name: str) -> Keyring:
        """Return a keyring: the old or the new one of a kind."""
        if kind == "kms":
            return KmsKeyring(self.kms, self.kms_keys[name])
        if kind == "aes":
            return AesKeyring(AES[name], {"key": name})
        return RsaKeyring(private_key=RSA[name], matdesc={"key": name})

    def client(self, keyring: Keyring, **settings: Any) -> s3cse.Client:
        """Return a client that opens everything it has the key of."""
        return s3cse.Client(self.s3, keyring, **{"legacy": "allow", **settings})

    def put(self, keyring: Keyring, name: str = "a.txt", body: bytes = BODY, **settings: Any) -> Location:
        """Write an object."""
        more = settings.pop("more", {})
        location = Location(self.bucket, self.prefix + name)
        self.client(keyring, **settings).put_object(Bucket=self.bucket, Key=location.key, Body=body, **more)
        return location

    def opens(self, keyring: Keyring, location: Location, body: bytes = BODY, **settings: Any) -> bool:
        """Whether the keyring opens the object, to the body that was written."""
        try:
            got = self.client(keyring, **settings).get_object(Bucket=location.bucket, Key=location.key)
            return bool(got["Body"].read() == body)
        except s3cse.errors.S3CSEError:
            return False

    def stored(self, location: Location) -> str:
        """Return a digest of the stored bytes."""
        answer = self.s3.get_object(Bucket=location.bucket, Key=location.key)
        return hashlib.sha256(answer["Body"].read()).hexdigest()

    def rotation(self, old: Keyring, new: Keyring, **options: Any) -> Rotation:
        """Return what rotates."""
        options.setdefault("policy", ANY)
        return Rotation(S3Store(self.s3), self.s3, old, new, RotationOptions(**options), sleep=lambda _: None)
