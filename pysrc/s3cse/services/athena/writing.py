"""What a writer must be so that Athena reads what it writes; for writers that register their tables."""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.errors import SettingsError

_WHY = {
    "sse-c": "it cannot send S3 a key, and S3 gives it nothing without one",
    "encryption-sdk": "it knows no Encryption SDK messages, and returns their ciphertext",
}
#: Profiles whose objects Athena opens (FORMATS.md sections 17 and 21).
PROFILES = ("emrfs-v2", "emrfs")


def refuse_unreadable(*, keyring: str, profile: str, storage: str, context: Mapping[str, str] | None) -> None:
    """Refuse to write what Athena could not read, before anything is written.

    Args:
        keyring: kind of the keyring.
        profile, storage, context: as the options of these names.

    Raises:
        SettingsError: with the option to change.
    """
    why = _WHY.get(profile, "it takes others for damaged files")
    checks = (
        (profile in PROFILES, "profile", profile, " | ".join(PROFILES), why),
        (keyring == "kms", "keyring", keyring, "kms", "it knows no raw AES or RSA keys, and no providers"),
        (storage == "metadata", "storage", storage, "metadata", "it takes instruction files for data"),
        (not context, "context", f"{len(context or {})} entries", "none", "it sends the reserved entry alone to KMS"),
    )
    for right, option, found, expected, why in checks:
        if not right:
            raise SettingsError(
                f"Athena could not read a table that is written with this {option}: {why}",
                found=f"{option}={found}",
                expected=f"{option}={expected}",
                fix="change it, or write without registerAs",
            )
