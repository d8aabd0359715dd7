"""What the drivers of other people's clients are told, and what they answer: JSON, one object a line, both ways.

A job has an ``op``:

- ``put``, ``put-multipart``: encrypt the file ``body`` into an object, in parts of ``partSize`` bytes,
- ``get``, ``range``: decrypt an object, or its bytes ``first`` to ``last`` (inclusive); of the result come the length
  and the SHA-256,
- ``reencrypt``: wrap the object's data key for ``newKeyring`` and ``newContext`` into an instruction file (``suffix``).

``mode`` is the client's own word. ``storage`` is ``metadata`` or ``instruction-file``. ``context`` is the KMS
encryption context or the materials description. ``suffix`` names another instruction file than ``.instruction``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True)
class Key:
    """A wrapping key: type ``kms`` has ``id``, ``aes`` has base64, ``rsa`` two PEM texts."""

    type: str
    id: str = ""
    aes: str = ""
    privateKey: str = ""  # noqa: N815 - these fields are the JSON's
    publicKey: str = ""  # noqa: N815

    @staticmethod
    def kms(key_id: str) -> Key:
        """Return a key of the KMS server."""
        return Key("kms", id=key_id)

    @staticmethod
    def raw(secret: bytes) -> Key:
        """Return an AES key."""
        return Key("aes", aes=base64.b64encode(secret).decode())

    @staticmethod
    def pair() -> Key:
        """Make an RSA key pair."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pkcs8 = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        spki = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return Key("rsa", privateKey=pkcs8.decode(), publicKey=spki.decode())


@dataclass(frozen=True)
class Job:
    """One thing that a driver does; the module says what the fields mean."""

    id: str
    op: str
    mode: str
    keyring: Key
    bucket: str
    key: str
    storage: str = "metadata"
    context: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    partSize: int | None = None  # noqa: N815
    first: int | None = None
    last: int | None = None
    suffix: str | None = None
    newKeyring: Key | None = None  # noqa: N815
    newContext: dict[str, str] | None = None  # noqa: N815

    def line(self) -> str:
        """Return the job as a line of the list."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class Result:
    """What came of a job."""

    id: str
    ok: bool
    error: str = ""
    length: int | None = None
    sha256: str = ""

    @staticmethod
    def parse(line: str) -> Result:
        """Return a result from a driver's line."""
        fields: dict[str, Any] = json.loads(line)
        return Result(**fields)

    def is_plaintext(self, body: bytes) -> bool:
        """Tell whether exactly these bytes were read."""
        return self.ok and self.length == len(body) and self.sha256 == hashlib.sha256(body).hexdigest()


@dataclass(frozen=True)
class Body:
    """A plaintext, in memory and in a file for the drivers."""

    name: str
    data: bytes
    path: Path
    part_size: int | None = None

    @property
    def op(self) -> str:
        """Return how it is written by a client that has multipart uploads."""
        return "put" if self.part_size is None else "put-multipart"
