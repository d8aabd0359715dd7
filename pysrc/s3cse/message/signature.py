"""The signature in a message's footer: an ECDSA key pair of the message's own, its public half in the context.

It proves that who holds the data key did not change the message after it was written, which GCM alone cannot say among
several who hold it. Source: AWS Encryption SDK specification, framework/transitive-requirements.md ("ECDSA"),
framework/default-cmm.md, data-format/message-footer.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from s3cse.errors import EnvelopeError, IntegrityError
from s3cse.message.suites import Curve, Suite

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

#: The context entry that holds the public key; no caller may set it.
PUBLIC_KEY_ENTRY = "aws-crypto-public-key"

_CURVES: dict[Curve, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
_HASHES: dict[Curve, hashes.HashAlgorithm] = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}
#: Writers sign until the DER has this length, so that a message's size is known before it is written.
SIGNATURE_BYTES: dict[Curve, int] = {"P-256": 71, "P-384": 103}
_COMPRESSED = (2, 3)


def footer_bytes(suite: Suite) -> int:
    """Return the length of the footer that writers give a message, 0 where the suite signs nothing."""
    return 0 if suite.curve is None else 2 + SIGNATURE_BYTES[suite.curve]


class Signer:
    """Signs one message: hashes what is written, in its order."""

    def __init__(self, curve: Curve) -> None:
        self._curve = curve
        self._key = ec.generate_private_key(_CURVES[curve])
        self._hash = hashes.Hash(_HASHES[curve])

    @property
    def public_key_entry(self) -> str:
        """The public key as the encryption context holds it: Base64 of the compressed point."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return base64.b64encode(point).decode("ascii")

    def update(self, data: Buffer) -> None:
        """Take the next bytes of header and body."""
        self._hash.update(memoryview(data))

    def footer(self) -> bytes:
        """End the message: 2 bytes length ‖ DER signature, of always the same length for a curve.

        The lengths of DER integers vary; about every second signature has the one that all clients write.
        """
        digest, wanted = self._hash.finalize(), SIGNATURE_BYTES[self._curve]
        scheme = ec.ECDSA(Prehashed(_HASHES[self._curve]))
        signature = self._key.sign(digest, scheme)
        while len(signature) != wanted:
            signature = self._key.sign(digest, scheme)
        return len(signature).to_bytes(2, "big") + signature


class Verifier:
    """Verifies one message's signature: hashes what is read, in its order."""

    def __init__(self, curve: Curve, public_key: ec.EllipticCurvePublicKey) -> None:
        self._curve = curve
        self._key = public_key
        self._hash = hashes.Hash(_HASHES[curve])

    def update(self, data: Buffer) -> None:
        """Take the next bytes of header and body."""
        self._hash.update(memoryview(data))

    def verify(self, signature: bytes) -> None:
        """End the message.

        Raises:
            IntegrityError: the signature is not of these bytes under the message's key.
        """
        try:
            self._key.verify(signature, self._hash.finalize(), ec.ECDSA(Prehashed(_HASHES[self._curve])))
        except InvalidSignature:
            raise IntegrityError(
                "the message's signature does not verify",
                expected="the signature that its writer made",
                fix="the message was changed after it was written: restore it from a copy you trust",
            ) from None


def verifier_of(suite: Suite, context: Mapping[str, str]) -> Verifier | None:
    """Return the verifier of a message, None where the suite signs nothing.

    Raises:
        EnvelopeError: a signed suite without a valid public key in the stored context, or the reverse: a public key
            under a suite without signature, as when somebody stripped it.
    """
    entry = context.get(PUBLIC_KEY_ENTRY)
    if suite.curve is None:
        if entry is not None:
            raise _not_valid(f"a public key for signatures under suite {suite}, which has none", "no such entry")
        return None
    if entry is None:
        raise _not_valid(f"no public key for the signature of suite {suite}", f"the entry {PUBLIC_KEY_ENTRY!r}")
    return Verifier(suite.curve, _public_key(suite.curve, entry))


def _public_key(curve: Curve, entry: str) -> ec.EllipticCurvePublicKey:
    try:
        point = base64.b64decode(entry.encode("ascii"), validate=True)
        if not point or point[0] not in _COMPRESSED:
            raise ValueError("no compressed point")
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], point)
    except (ValueError, binascii.Error):
        raise _not_valid("a public key that is none", f"Base64 of a compressed point on {curve}") from None


def _not_valid(found: str, expected: str) -> EnvelopeError:
    return EnvelopeError(
        "the message's public key for signatures is not valid",
        found=found,
        expected=expected,
        fix="restore the message from a copy you trust",
    )
