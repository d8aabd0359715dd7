"""Objects in all formats on a real S3 server, and what an inventory says of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import s3cse
from s3cse.keyrings import AesKeyring, Keyring, KmsKeyring, RsaKeyring
from s3cse.keys.found import Prefix
from s3cse.keys.inspection import Inspection
from s3cse.keys.inventory import inventory, read_all
from s3cse.keys.row import Row
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

AES_KEY = bytes(range(32))
_RSA_KEY = generate_private_key(65537, 2048)
DESCRIPTION = {"key": "2026-01"}
BODY = b"payload that is seventy bytes long, so that it does not fill a block.."


@dataclass
class Lake:
    """A prefix of the test's own."""

    s3: Any
    kms: Any
    kms_key: str
    bucket: str
    prefix: str = field(default_factory=lambda: f"lake-{uuid.uuid4().hex}/")

    def __post_init__(self) -> None:
        self.store = S3Store(self.s3)

    @property
    def place(self) -> Location:
        """The prefix."""
        return Location(self.bucket, self.prefix)

    def keyring(self, kind: str, key: str | None = None) -> Keyring:
        """Return a keyring of a kind."""
        if kind == "kms":
            return KmsKeyring(self.kms, key or self.kms_key)
        return (
            AesKeyring(AES_KEY, DESCRIPTION) if kind == "aes" else RsaKeyring(private_key=_RSA_KEY, matdesc=DESCRIPTION)
        )

    def put(self, name: str, kind: str = "kms", key: str | None = None, **options: Any) -> str:
        """Write an object and return its whole key."""
        client = s3cse.Client(self.s3, self.keyring(kind, key), **options)
        client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=BODY)
        return self.prefix + name

    def put_plain(self, name: str, body: bytes = b"plain", **parameters: Any) -> str:
        """Store an object as it is."""
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body, **parameters)
        return self.prefix + name

    def table(self, **how: Any) -> Any:
        """Return the inventory of the prefix as a table."""
        return read_all(inventory(Prefix(self.store, self.place), Inspection(store=self.store, **how)))

    def rows(self, **how: Any) -> dict[str, Row]:
        """Return the inventory of the prefix: rows by what follows the prefix in their keys."""
        fields = ({**row, "encryption_context": _map(row)} for row in self.table(**how).to_pylist())
        return {row["key"].removeprefix(self.prefix): Row(**row) for row in fields}

    def replace_metadata(self, name: str, metadata: dict[str, str]) -> None:
        """Change what an object says of itself, as whoever can write it can."""
        key = self.prefix + name
        self.s3.copy_object(
            Bucket=self.bucket,
            Key=key,
            CopySource={"Bucket": self.bucket, "Key": key},
            Metadata=metadata,
            MetadataDirective="REPLACE",
        )

    def metadata(self, name: str) -> dict[str, str]:
        """Return an object's metadata."""
        return dict(self.s3.head_object(Bucket=self.bucket, Key=self.prefix + name)["Metadata"])


def _map(row: dict[str, Any]) -> dict[str, str] | None:
    return None if row["encryption_context"] is None else dict(row["encryption_context"])
