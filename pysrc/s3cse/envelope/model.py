"""The one description of an encrypted object that the rest of the package works with.

Source: FORMATS.md sections 3 to 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from s3cse.crypto.ciphers import BLOCK_BYTES, CBC_IV_BYTES, GCM_IV_BYTES, GCM_MAX_PLAINTEXT_BYTES, GCM_TAG_BYTES

#: The entry that binds the content algorithm to a `kms+context` wrap (FORMATS.md section 7).
RESERVED_CONTEXT_KEY = "aws:x-amz-cek-alg"
#: The entry that names the key in the materials description of the old wrap `kms`.
KMS_KEY_ID_ENTRY = "kms_cmk_id"

WRAP_KMS = "kms"
WRAP_KMS_CONTEXT = "kms+context"
WRAP_AES_GCM = "AES/GCM"
WRAP_AES_WRAP = "AESWrap"
WRAP_RSA_OAEP_SHA1 = "RSA-OAEP-SHA1"
WRAP_RSA_OAEP_SHA256 = "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"
#: Format V1 names no wrap; these are ours for its two (FORMATS.md section 5).
WRAP_V1_AES = "AES/ECB/PKCS5Padding"
WRAP_V1_RSA = "RSA/ECB/PKCS1Padding"
#: Wraps that bind no content algorithm: whoever can write the object can relabel GCM as CBC (DESIGN.md section 5).
LEGACY_WRAPS = frozenset({WRAP_KMS, WRAP_AES_WRAP, WRAP_RSA_OAEP_SHA256, WRAP_V1_AES, WRAP_V1_RSA})
#: The wraps of new objects: each binds the content algorithm.
BINDING_WRAPS = frozenset({WRAP_KMS_CONTEXT, WRAP_AES_GCM, WRAP_RSA_OAEP_SHA1})

#: What the Java client allows; S3 ends long before it.
CBC_MAX_PLAINTEXT_BYTES = 2**55


class Format(Enum):
    """The message format: not the release of a client (client v3 writes V2, client v4 writes V3)."""

    V1 = "V1"
    V2 = "V2"
    V3 = "V3"


class ContentAlgorithm(Enum):
    """How the body is encrypted; the value is what ``x-amz-cek-alg`` (V2) or ``x-amz-c`` (V3) says.

    The value is also the text that the newer key wraps bind (FORMATS.md section 6).
    """

    AES_GCM = "AES/GCM/NoPadding"
    AES_CBC = "AES/CBC/PKCS5Padding"
    #: Suite 0x0073: the body's key is derived from the data key, and the envelope commits to it.
    AES_GCM_COMMITTING = "115"

    @property
    def authenticated(self) -> bool:
        """Whether the body carries a tag."""
        return self is not ContentAlgorithm.AES_CBC

    @property
    def commits(self) -> bool:
        """Whether the envelope commits to the key (FORMATS.md section 8)."""
        return self is ContentAlgorithm.AES_GCM_COMMITTING

    @property
    def aad(self) -> bytes:
        """What the tag covers besides the body: the suite id of format V3."""
        return b"\x00\x73" if self.commits else b""

    @property
    def iv_bytes(self) -> int:
        """Length of the content IV in bytes."""
        return GCM_IV_BYTES if self.authenticated else CBC_IV_BYTES

    @property
    def max_plaintext_bytes(self) -> int:
        """The longest plaintext of one object in bytes (FORMATS.md section 11)."""
        return GCM_MAX_PLAINTEXT_BYTES if self.authenticated else CBC_MAX_PLAINTEXT_BYTES

    def stored_bytes(self, plaintext_bytes: int) -> int:
        """Return the body's length in S3 for this plaintext length, both in bytes (FORMATS.md section 5)."""
        if self.authenticated:
            return plaintext_bytes + GCM_TAG_BYTES
        return BLOCK_BYTES * (plaintext_bytes // BLOCK_BYTES + 1)


#: Format V3 has one data key per message, so its IV is fixed (FORMATS.md section 8).
COMMITTING_IV = b"\x01" * GCM_IV_BYTES


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything needed to decrypt the body, apart from the key that unwraps the data key.

    Holds no secret: it may travel in a Spark plan. ``materials_description`` is the parsed ``x-amz-matdesc``,
    ``x-amz-m`` or ``x-amz-t``, or None where the object has none; for the KMS wraps it is the encryption context.
    ``claimed_length`` is the text of ``x-amz-unencrypted-content-length``: a claim, never trusted. ``commitment`` and
    ``message_id`` are those of format V3 (28 bytes each), empty otherwise.
    """

    format: Format
    content_algorithm: ContentAlgorithm
    wrap_algorithm: str
    encrypted_data_key: bytes
    iv: bytes
    materials_description: Mapping[str, str] | None
    claimed_length: str | None = None
    commitment: bytes = b""
    message_id: bytes = b""

    @property
    def authenticated(self) -> bool:
        """Whether the body carries a tag."""
        return self.content_algorithm.authenticated

    def __str__(self) -> str:
        return f"format {self.format.value}, {self.content_algorithm.value}, wrap {self.wrap_algorithm!r}"
