"""What Athena makes of one object's envelope. Pure: the facts of FORMATS.md section 17, as rules."""

from __future__ import annotations

from collections.abc import Iterator

from s3cse.envelope.model import (
    KMS_KEY_ID_ENTRY,
    RESERVED_CONTEXT_KEY,
    WRAP_KMS,
    WRAP_KMS_CONTEXT,
    Envelope,
    Format,
)
from s3cse.keyrings.kms_arn import may_be_same_key
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.findings import Finding

_REWRITE = "write it again with profile emrfs-v2 (or emrfs) and keyring kms"


def envelope_findings(envelope: Envelope | None, encryption: TableEncryption) -> Iterator[Finding]:
    """Yield what the envelope alone tells, without a key.

    Args:
        envelope: None for a plain object.
        encryption: of the table in the catalog.
    """
    if envelope is None:
        yield Finding(
            "warning",
            "encryption",
            "the object is not encrypted, in a table that is",
            "if it belongs here, encrypt it; Athena's engine family reads both in one table",
        )
    elif envelope.wrap_algorithm not in (WRAP_KMS, WRAP_KMS_CONTEXT):
        yield Finding(
            "error",
            "keyring",
            f"the data key is under a raw AES or RSA key ({envelope})",
            f"Athena knows keys of KMS only: {_REWRITE}",
        )
    elif envelope.format is Format.V3:
        yield Finding(
            "error",
            "format",
            "format V3 (key commitment, profile s3ec-v4)",
            f"Athena takes it for a damaged Parquet file: {_REWRITE}",
        )
    elif envelope.wrap_algorithm == WRAP_KMS:
        yield from _old_wrap(envelope, encryption)
    else:
        yield from _new_wrap(envelope, encryption)


def message_finding() -> Finding:
    """Return what Athena makes of an AWS Encryption SDK message (FORMATS.md section 17)."""
    return Finding(
        "error",
        "format",
        "an AWS Encryption SDK message (profile encryption-sdk)",
        f"Athena knows none, and takes its ciphertext for a damaged file: {_REWRITE}",
    )


def _old_wrap(envelope: Envelope, encryption: TableEncryption) -> Iterator[Finding]:
    named = (envelope.materials_description or {}).get(KMS_KEY_ID_ENTRY)
    if named is None:
        yield Finding(
            "error",
            "key",
            f"wrap 'kms' without {KMS_KEY_ID_ENTRY} in its description: Athena cannot tell the key",
            _REWRITE,
        )
    elif encryption.kms_key is not None and not may_be_same_key(named, encryption.kms_key):
        yield Finding(
            "error",
            "key",
            f"the object names another key: {named}, the table {encryption.kms_key}",
            "one table has one key: move the object to a table of its own, or rotate it to the table's key",
        )


def _new_wrap(envelope: Envelope, encryption: TableEncryption) -> Iterator[Finding]:
    own = sorted(set(envelope.materials_description or {}) - {RESERVED_CONTEXT_KEY})
    if own:
        yield Finding(
            "error",
            "context",
            f"the encryption context has entries of its own: {', '.join(own)}",
            "Athena sends the reserved entry alone, and KMS refuses: write the table again without the option context",
        )
    if encryption.kms_key is None:
        yield Finding(
            "error",
            "table",
            "wrap 'kms+context' under a table with has_encrypted_data",
            "that mode reads only what clients of generation 1 (profile emrfs) wrote: name the key with "
            "encryption_option and kms_key",
        )


def length_findings(envelope: Envelope, plaintext_bytes: int) -> Iterator[Finding]:
    """Yield what is wrong with ``x-amz-unencrypted-content-length``; format V3 has none."""
    claimed = envelope.claimed_length
    if envelope.format is Format.V3:
        return
    if claimed is None:
        yield Finding(
            "error",
            "length",
            "no x-amz-unencrypted-content-length, as multipart uploads of other clients leave it",
            "AWS documents HIVE_CANNOT_OPEN_SPLIT for such Parquet files: write the file again with s3cse, or copy it "
            "onto itself with the header",
        )
    elif claimed != str(plaintext_bytes):
        yield Finding(
            "error",
            "length",
            f"x-amz-unencrypted-content-length says {claimed}, the plaintext has {plaintext_bytes} bytes",
            "text formats silently lose the rows behind a wrong length: write the file again",
        )


def instruction_finding() -> Finding:
    """Return what is to be said of an object whose envelope is in an instruction file."""
    return Finding(
        "error",
        "storage",
        "the envelope is in an instruction file",
        "Athena takes the object for a plain one and its .instruction for a data file: write the table with "
        "storage=metadata",
    )
