"""The footer's signature: its fixed length, what it covers, and keys that are none."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from s3cse.errors import EnvelopeError, IntegrityError
from s3cse.message.signature import PUBLIC_KEY_ENTRY, SIGNATURE_BYTES, Signer, verifier_of
from s3cse.message.suites import AES_128_HKDF_SIGNED, COMMITTING, COMMITTING_SIGNED, Suite

SIGNED = [AES_128_HKDF_SIGNED, COMMITTING_SIGNED]
each_curve = pytest.mark.parametrize("suite", SIGNED, ids=["P-256", "P-384"])


def signed(suite: Suite, *pieces: bytes) -> tuple[dict[str, str], bytes]:
    """The context entry and the footer of these bytes."""
    assert suite.curve is not None
    signer = Signer(suite.curve)
    for piece in pieces:
        signer.update(piece)
    return {PUBLIC_KEY_ENTRY: signer.public_key_entry}, signer.footer()


def verify(suite: Suite, context: dict[str, str], signature: bytes, *pieces: bytes) -> None:
    """Verify it over these bytes."""
    verifier: Any = verifier_of(suite, context)
    for piece in pieces:
        verifier.update(piece)
    verifier.verify(signature)


@each_curve
def test_every_footer_has_the_same_length(suite: Suite) -> None:
    """Twenty signatures: the length field, and as many bytes as all clients write."""
    assert suite.curve is not None
    for number in range(20):
        footer = signed(suite, bytes([number]))[1]
        assert int.from_bytes(footer[:2], "big") == len(footer) - 2 == SIGNATURE_BYTES[suite.curve]


@each_curve
def test_a_signature_is_of_these_bytes_in_this_order(suite: Suite) -> None:
    """Cut as one likes they verify; changed, reordered, or under another key they do not."""
    context, footer = signed(suite, b"header", b"body")
    verify(suite, context, footer[2:], b"hea", b"derbo", b"", b"dy")
    other, _ = signed(suite, b"header", b"body")
    flipped = footer[2:-1] + bytes([footer[-1] ^ 1])
    wrong = [(context, footer[2:], (b"body", b"header")), (context, footer[2:], (b"header",))]
    wrong += [(other, footer[2:], (b"headerbody",)), (context, flipped, (b"headerbody",))]
    wrong += [(context, b"", (b"headerbody",)), (context, footer[2:-1], (b"headerbody",))]
    for entry, signature, pieces in wrong:
        with pytest.raises(IntegrityError, match="signature does not verify"):
            verify(suite, entry, signature, *pieces)


@each_curve
def test_a_public_key_that_is_none_is_refused(suite: Suite) -> None:
    """Missing, no Base64, no point, not compressed, or on the other curve."""
    context, _ = signed(suite)
    other, _ = signed(SIGNED[0] if suite is SIGNED[1] else SIGNED[1])
    point = base64.b64decode(context[PUBLIC_KEY_ENTRY])
    texts = ["", "ä", "AAAA", "!" + context[PUBLIC_KEY_ENTRY], other[PUBLIC_KEY_ENTRY]]
    texts += [
        base64.b64encode(changed).decode()
        for changed in (b"\x04" + point[1:] * 2, point[:-1], b"\x02" + b"\xff" * (len(point) - 1))
    ]
    for text in texts:
        with pytest.raises(EnvelopeError, match="public key for signatures is not valid"):
            verifier_of(suite, {PUBLIC_KEY_ENTRY: text})
    with pytest.raises(EnvelopeError, match="no public key"):
        verifier_of(suite, {})


def test_a_stripped_signature_is_seen() -> None:
    """The entry of a signed message under a suite that signs nothing is refused; without it there is no verifier."""
    context, _ = signed(COMMITTING_SIGNED)
    with pytest.raises(EnvelopeError, match="has none"):
        verifier_of(COMMITTING, context)
    assert verifier_of(COMMITTING, {"other": "entry"}) is None
