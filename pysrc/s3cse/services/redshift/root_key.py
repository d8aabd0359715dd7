"""The one key that Redshift's client-side encryption knows: 256 bits of AES, named in every statement."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NoReturn

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.errors import SettingsError
from s3cse.keyrings.aes import AesKeyring
from s3cse.keyrings.configured import KeyringSettings, aes_key

if TYPE_CHECKING:
    from typing_extensions import Buffer


class RootKey:
    """Redshift's root symmetric key (``MASTER_SYMMETRIC_KEY``). Shows nothing, and cannot be pickled.

    Args:
        key: 32 raw bytes, copied.

    Raises:
        SettingsError: another length: Redshift takes 256-bit keys only (FORMATS.md section 18).
    """

    def __init__(self, key: Buffer) -> None:
        with memoryview(key) as view, view.cast("B") as raw:
            if len(raw) != KEY_BYTES:
                raise SettingsError(
                    "Redshift takes 256-bit keys only",
                    found=f"a key of {8 * len(raw)} bits",
                    expected=f"{8 * KEY_BYTES} bits",
                    fix="use a key of 32 bytes, the one that COPY and UNLOAD get as MASTER_SYMMETRIC_KEY",
                )
            self._secret = Secret(raw)

    @classmethod
    def from_file(cls, path: str) -> RootKey:
        """Read the key from a file: 32 bytes, or as many in base64 or hexadecimal.

        Raises:
            SettingsError: it cannot be read, or holds no such key.
        """
        return cls.from_settings(KeyringSettings(kind="aes", key_file=path))

    @classmethod
    def from_env(cls, name: str) -> RootKey:
        """Read the key from an environment variable, in base64 or hexadecimal.

        Raises:
            SettingsError: it is not set, or holds no such key.
        """
        return cls.from_settings(KeyringSettings(kind="aes", key_env=name))

    @classmethod
    def from_settings(cls, settings: KeyringSettings) -> RootKey:
        """Read the key from where the settings of an AES keyring say.

        Raises:
            SettingsError: it cannot be read, or holds no such key.
        """
        settings.check()
        if settings.kind != "aes":
            raise SettingsError("Redshift takes AES keys only", found=f"keyring {settings.kind!r}", expected="'aes'")
        return cls(aes_key(settings))

    def keyring(self) -> AesKeyring:
        """Return the keyring that wraps and unwraps data keys under this key."""
        return AesKeyring(self._secret)

    def reveal(self) -> str:
        """Return the key in base64, as statements spell it. Nobody can wipe this text: keep it short-lived."""
        return base64.b64encode(self._secret.view()).decode("ascii")

    def __repr__(self) -> str:
        return "RootKey(<256 bits>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled: read it where it is needed, from a file or the environment")
