"""What a key wrap demands of the fields beside it, checked before any key is touched.

Source: FORMATS.md sections 6 and 7; DESIGN.md section 5, "Consistency".
"""

from __future__ import annotations

from s3cse.envelope.fields import TAMPERED, shown
from s3cse.envelope.model import (
    RESERVED_CONTEXT_KEY,
    WRAP_AES_GCM,
    WRAP_AES_WRAP,
    WRAP_V1_AES,
    Envelope,
)
from s3cse.errors import EnvelopeError

#: Length of a wrapped data key of 32 bytes, where the wrap alone decides it: IV and tag of GCM, the integrity block of
#: RFC 3394, the padding of ECB. That of RSA depends on the key, that of KMS on KMS.
_WRAPPED_BYTES = {WRAP_AES_GCM: 12 + 32 + 16, WRAP_AES_WRAP: 32 + 8, WRAP_V1_AES: 32 + 16}


def check_wrapped_key(envelope: Envelope, field: str) -> None:
    """Refuse a wrapped key of another length than the wrap gives.

    Args:
        field: where it was, for the message.
    """
    expected = _WRAPPED_BYTES.get(envelope.wrap_algorithm)
    if expected is not None and len(envelope.encrypted_data_key) != expected:
        raise EnvelopeError(
            f"{field} does not fit wrap {envelope.wrap_algorithm!r}",
            found=f"{len(envelope.encrypted_data_key)} bytes",
            expected=f"{expected} bytes",
            fix=TAMPERED,
        )


def check_reserved_entry(envelope: Envelope, field: str) -> None:
    """Refuse an encryption context that does not name the object's own content algorithm.

    Args:
        envelope: of wrap ``kms+context``.
        field: where the context was, for the message.
    """
    stored = (envelope.materials_description or {}).get(RESERVED_CONTEXT_KEY)
    if stored != envelope.content_algorithm.value:
        raise EnvelopeError(
            f"{field} does not name the object's own content algorithm in {RESERVED_CONTEXT_KEY}",
            found="no such entry" if stored is None else shown(stored),
            expected=repr(envelope.content_algorithm.value),
            fix=TAMPERED,
        )
