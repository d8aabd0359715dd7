"""Keys of the KMS stub and the blobs they make. A blob names its key, as in AWS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ACCOUNT = "111122223333"
_MAGIC = b"\x01\x02\x02\x00"
_ID_BYTES = 36
_PADDING = 84  # a 32-byte plaintext makes a blob of 184 bytes, as in AWS
_HEAD = len(_MAGIC) + _ID_BYTES + _PADDING
_NONCE = 12


class KmsError(Exception):
    """What the service answers in place of a result."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class StubKey:
    """A KMS key; ``state`` is Enabled, Disabled or PendingDeletion."""

    arn: str
    material: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    aliases: tuple[str, ...] = ()
    state: str = "Enabled"

    @property
    def key_id(self) -> str:
        """The last part of the ARN, 36 characters."""
        return self.arn.rpartition("/")[2]

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.arn.split(":")[3]

    def answers_to(self, name: str) -> bool:
        """Tell whether a KeyId parameter (id, ARN, alias or alias ARN) means this key."""
        places = [f"arn:aws:kms:{self.region}:{ACCOUNT}:{alias}" for alias in self.aliases]
        return name in (self.arn, self.key_id, *self.aliases, *places)

    def check_usable(self) -> None:
        """Do nothing if the key is enabled.

        Raises:
            KmsError: DisabledException or KMSInvalidStateException.
        """
        if self.state == "Disabled":
            raise KmsError("DisabledException", f"{self.arn} is disabled.")
        if self.state != "Enabled":
            raise KmsError("KMSInvalidStateException", f"{self.arn} is pending deletion.")

    def seal(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Return a blob: magic, key id, padding, nonce, ciphertext and tag."""
        head = _MAGIC + self.key_id.encode() + os.urandom(_PADDING)
        nonce = os.urandom(_NONCE)
        return head + nonce + AESGCM(self.material).encrypt(nonce, plaintext, head + _canonical(context))

    def open(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Return what a blob holds.

        Raises:
            KmsError: InvalidCiphertextException, for another context too.
        """
        head, nonce, body = blob[:_HEAD], blob[_HEAD : _HEAD + _NONCE], blob[_HEAD + _NONCE :]
        try:
            return AESGCM(self.material).decrypt(nonce, body, head + _canonical(context))
        except InvalidTag:
            raise KmsError("InvalidCiphertextException") from None


def key_id_of(blob: bytes) -> str:
    """Return the id of the key that made a blob.

    Raises:
        KmsError: InvalidCiphertextException.
    """
    if not blob.startswith(_MAGIC) or len(blob) < _HEAD + _NONCE + 16:
        raise KmsError("InvalidCiphertextException")
    return blob[len(_MAGIC) :][:_ID_BYTES].decode("ascii", "replace")


def _canonical(context: Mapping[str, str]) -> bytes:
    return json.dumps(sorted(context.items())).encode()
