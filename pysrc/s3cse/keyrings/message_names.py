"""The names of a raw key in Encryption SDK messages: provider id (its namespace) and key id (its name in there)."""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.envelope.fields import is_text
from s3cse.errors import SettingsError

_MAX_BYTES = 65_535
#: What KMS keys are under; raw keys must not pass for them.
KMS_PROVIDER = "aws-kms"


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Both names, checked."""

    provider_id: str
    key_id: str

    def __str__(self) -> str:
        return f"{self.provider_id!r} {self.key_id!r}"

    @property
    def key_id_bytes(self) -> bytes:
        """The key id as messages hold it."""
        return self.key_id.encode("utf-8")


def checked_names(provider_id: str | None, key_id: str | None) -> KeyNames:
    """Return the names of a raw key.

    Raises:
        SettingsError: one is missing, no text, or too long; or the provider is one of KMS.
    """
    for name, value in (("provider_id", provider_id), ("key_id", key_id)):
        if not is_text(value) or not value:
            raise SettingsError(
                f"a raw key needs a {name} for Encryption SDK messages",
                found="none" if value is None else "no text, or an empty one",
                expected='for instance provider_id="flights", key_id="2026-01"',
                fix=f"give the keyring a {name}: it is stored with every message and finds the key again",
            )
        if len(str(value).encode("utf-8")) > _MAX_BYTES // 2:
            raise SettingsError(f"the {name} is too long", expected=f"at most {_MAX_BYTES // 2} bytes")
    names = KeyNames(str(provider_id), str(key_id))
    if names.provider_id.startswith(KMS_PROVIDER):
        raise SettingsError(
            "the provider id is reserved for KMS keys",
            found=repr(names.provider_id),
            expected=f"a name that does not begin with {KMS_PROVIDER!r}",
            fix="name your raw keys otherwise",
        )
    return names
