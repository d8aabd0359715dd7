"""Data keys wrapped by a key that never leaves an HSM. Source: FORMATS.md sections 5, 6; DESIGN.md sections 4, 8."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.keywrap import made_up_key, pkcs5_padded, whole_data_key, without_bound_text, without_pkcs5
from s3cse.crypto.randomness import random_bytes
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import (
    WRAP_AES_GCM,
    WRAP_AES_WRAP,
    WRAP_RSA_OAEP_SHA1,
    WRAP_RSA_OAEP_SHA256,
    WRAP_V1_AES,
    WRAP_V1_RSA,
    Envelope,
)
from s3cse.envelope.profiles import Profile
from s3cse.errors import IntegrityError, KeyringError, SettingsError
from s3cse.keyrings.base import WRAPS_OF_KIND, Claim, DataKey
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, first_opened
from s3cse.keyrings.message_names import checked_names
from s3cse.keyrings.message_pkcs11 import TokenWraps
from s3cse.keyrings.message_rsa import RsaPadding, checked_padding
from s3cse.keyrings.raw import (
    AES_WRAPPED_BYTES,
    RawKeyring,
    bound_text,
    check_profile,
    check_redshift,
    check_wrap,
    claim_by_description,
    does_not_open,
    new_plaintext_key,
)
from s3cse.keyrings.rsa import wrapped_by_rsa
from s3cse.keyrings.rsa_keys import modulus_bytes

if TYPE_CHECKING:  # imported when a keyring is made: most installations have no HSM
    from s3cse.keyrings.pkcs11_token import KeyPlace, TokenKey


class Pkcs11Keyring(RawKeyring):
    """Data keys wrapped by an AES or RSA key in a PKCS#11 token: AWS CloudHSM, SoftHSM and others.

    The token encrypts and decrypts data keys, bodies are encrypted here. Opened when it is first used, in each process
    anew. One call at a time enters the token in each process, so put a CachingKeyring around it for reading.
    With an AES key: AES-GCM and, for format V1, AES/ECB in the device; RFC 3394 (``AESWrap``) to read, if the token
    shows unwrapped session keys. With an RSA key: OAEP and, for format V1, PKCS#1 v1.5 in the device; writing needs
    the public half only. Descriptions are as in AesKeyring.

    Args:
        library: path of the vendor's PKCS#11 library.
        token_label: which token; or
        slot: which slot, by its id.
        pin: returns the user's PIN; called when the token is opened, never kept. CloudHSM's is ``user:password``. Or
        pin_env: the name of an environment variable with the PIN.
        key_label: CKA_LABEL of the key, and/or
        key_id: CKA_ID of the key.
        matdesc: materials description; None: new objects get an empty one.
        device_iv: for devices that make GCM's IV themselves, as CloudHSM does, and refuse to be given one.
        provider_id: the key's namespace in Encryption SDK messages, which need both names.
        key_name: the key's name in Encryption SDK messages; None: ``key_label``.
        padding: of an RSA key, in Encryption SDK messages; see RsaKeyring. Not every token knows every one.

    Raises:
        SettingsError: one of these is missing or there twice, there is no such padding, or the extra ``pkcs11`` is not
            installed.
    """

    def __init__(
        self,
        library: str,
        *,
        token_label: str | None = None,
        slot: int | None = None,
        pin: Callable[[], str] | None = None,
        pin_env: str | None = None,
        key_label: str | None = None,
        key_id: bytes | None = None,
        matdesc: Mapping[str, str] | None = None,
        device_iv: bool = False,
        provider_id: str | None = None,
        key_name: str | None = None,
        padding: RsaPadding = "oaep-sha256",
    ) -> None:
        super().__init__(matdesc)
        _one_of("the token", token_label=token_label, slot=slot)
        _one_of("the PIN", pin=pin, pin_env=pin_env)
        if key_label is None and key_id is None:
            raise SettingsError("a PKCS#11 keyring needs its key's name", found="none", expected="key_label or key_id")
        self._place, self._key = _token_key(
            library=library,
            token_label=token_label,
            slot=slot,
            key_label=key_label,
            key_id=key_id,
            pin=_pin_source(pin, pin_env),
        )
        self._device_iv = device_iv
        self.provider_id = provider_id
        self.key_name = key_label if key_name is None else key_name
        checked_padding(padding)
        self._padding: RsaPadding = padding
        # The private key cannot be hashed, as RsaKeyring does; a secret of this keyring's own is the next best.
        self._rejection = Secret(random_bytes(KEY_BYTES))

    @property
    def kind(self) -> str:
        """``aes`` or ``rsa``, as the token says.

        Raises:
            KeyringError: the token or the key is not there.
        """
        return self._key.kind()

    def __repr__(self) -> str:
        return f"Pkcs11Keyring(<{self._place}>, matdesc={self._description!r})"

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring.

        Raises:
            SettingsError: the profile is for another kind of key, or this one is too short for it.
        """
        return self.wrap_data_key(new_plaintext_key(), profile)

    def wrap_data_key(
        self,
        plaintext: Secret,
        profile: Profile,
        context: Mapping[str, str] | None = None,  # noqa: ARG002 - of KMS
    ) -> DataKey:
        """See Wrapping. Errors as new_data_key."""
        if self.kind == "rsa":
            wrapped = wrapped_by_rsa(self._key.public_key(), profile, plaintext)
        else:
            wrapped = self._wrap_by_aes(profile, plaintext)
        return DataKey(plaintext, wrapped, dict(self._description or {}))

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring."""
        kind = self.kind
        expected = AES_WRAPPED_BYTES.get(envelope.wrap_algorithm, 0)
        check_wrap(kind, envelope, modulus_bytes(self._key.public_key()) if kind == "rsa" else expected)
        try:
            return _UNWRAPS[envelope.wrap_algorithm](self, envelope)
        except IntegrityError as error:
            raise does_not_open(kind, envelope, self._description) from error

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """See MessageKeyring; RSA does not bind the context."""
        plaintext = Secret(random_bytes(key_bytes))
        return MessageKey(plaintext, self.wrap_message_key(plaintext, context))

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        """See MessageKeyring."""
        return (self._message_wraps().wrap(plaintext, context),)

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """See MessageKeyring."""
        wraps = self._message_wraps()
        return first_opened(
            encrypted,
            wraps.is_own,
            lambda candidate: wraps.unwrap(candidate, context, key_bytes),
            f"a data key under the token's key {wraps.names}",
        )

    def _message_wraps(self) -> TokenWraps:
        return TokenWraps(
            key=self._key,
            names=checked_names(self.provider_id, self.key_name),
            padding=self._padding,
            device_iv=self._device_iv,
            rejection=self._rejection,
        )

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming; opens the token only where that decides."""
        wraps = WRAPS_OF_KIND["aes"] + WRAPS_OF_KIND["rsa"]
        foreign = self._description is not None and self._description != dict(envelope.materials_description or {})
        if foreign or envelope.wrap_algorithm not in wraps:
            return Claim.NONE
        return claim_by_description(self.kind, envelope, self._description)

    def _wrap_by_aes(self, profile: Profile, plaintext: Secret) -> bytes:
        check_profile("aes", profile, (WRAP_AES_GCM, WRAP_V1_AES))
        check_redshift(profile, self._key.aes_key_bytes(), self._description)
        try:
            if profile.wrap_algorithm == WRAP_V1_AES:
                wrapped = self._key.encrypt_ecb(pkcs5_padded(plaintext.view()))
            else:
                bound = bound_text(profile.content_algorithm.value)
                wrapped = self._key.encrypt_gcm(bytes(plaintext.view()), bound, device_iv=self._device_iv)
        except IntegrityError as error:
            raise KeyringError(
                "the token did not wrap a data key",
                found="a failure it does not explain",
                expected=f"the use of the {self._place}",
                fix="check that the key may encrypt (CKA_ENCRYPT), and the device",
            ) from error
        if len(wrapped) != AES_WRAPPED_BYTES[profile.wrap_algorithm]:
            raise KeyringError(
                "the token wrapped a data key to another length than the format has",
                found=f"{len(wrapped)} bytes",
                expected=f"{AES_WRAPPED_BYTES[profile.wrap_algorithm]} bytes",
                fix="this device's AES is not the standard one: use another key or profile",
            )
        return wrapped

    def _unwrap_gcm(self, envelope: Envelope) -> Secret:
        bound = bound_text(envelope.content_algorithm.value)
        return whole_data_key(self._key.decrypt_gcm(envelope.encrypted_data_key, bound))

    def _unwrap_rfc3394(self, envelope: Envelope) -> Secret:
        return whole_data_key(self._key.unwrap_rfc3394(envelope.encrypted_data_key))

    def _unwrap_ecb(self, envelope: Envelope) -> Secret:
        return without_pkcs5(self._key.decrypt_ecb(envelope.encrypted_data_key))

    def _unwrap_oaep_sha1(self, envelope: Envelope) -> Secret:
        plaintext = self._key.decrypt_oaep(envelope.encrypted_data_key, hash_="sha1", mgf="sha1")
        return without_bound_text(plaintext, bound_text(envelope.content_algorithm.value))

    def _unwrap_oaep_sha256(self, envelope: Envelope) -> Secret:
        return whole_data_key(self._key.decrypt_oaep(envelope.encrypted_data_key, hash_="sha256", mgf="sha1"))

    def _unwrap_pkcs1(self, envelope: Envelope) -> Secret:
        made_up = made_up_key(self._rejection, envelope.encrypted_data_key)
        try:
            plaintext = self._key.decrypt_pkcs1(envelope.encrypted_data_key)
        except IntegrityError:
            plaintext = b""
        return Secret(plaintext) if len(plaintext) == KEY_BYTES else made_up


_UNWRAPS: Mapping[str, Callable[[Pkcs11Keyring, Envelope], Secret]] = {
    WRAP_AES_GCM: Pkcs11Keyring._unwrap_gcm,
    WRAP_AES_WRAP: Pkcs11Keyring._unwrap_rfc3394,
    WRAP_V1_AES: Pkcs11Keyring._unwrap_ecb,
    WRAP_RSA_OAEP_SHA1: Pkcs11Keyring._unwrap_oaep_sha1,
    WRAP_RSA_OAEP_SHA256: Pkcs11Keyring._unwrap_oaep_sha256,
    WRAP_V1_RSA: Pkcs11Keyring._unwrap_pkcs1,
}


def _token_key(
    *,
    library: str,
    token_label: str | None,
    slot: int | None,
    key_label: str | None,
    key_id: bytes | None,
    pin: Callable[[], str],
) -> tuple[KeyPlace, TokenKey]:
    try:
        token = importlib.import_module("s3cse.keyrings.pkcs11_token")
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "pkcs11":
            raise
        raise SettingsError(
            "keys in an HSM need the package python-pkcs11",
            found="no module pkcs11",
            expected='pip install "s3cse[pkcs11]"',
            fix="install the extra on the driver and on every executor",
        ) from error
    place: KeyPlace = token.KeyPlace(
        library=library, token_label=token_label, slot=slot, key_label=key_label, key_id=key_id, pin=pin
    )
    key: TokenKey = token.TokenKey(place)
    return place, key


def _one_of(what: str, **choices: object) -> None:
    given = [name for name, value in choices.items() if value is not None]
    if len(given) != 1:
        raise SettingsError(
            f"a PKCS#11 keyring needs to know {what} in one way",
            found=" and ".join(given) or "none",
            expected=" or ".join(choices),
        )


def _pin_source(pin: Callable[[], str] | None, pin_env: str | None) -> Callable[[], str]:
    if pin is not None and not callable(pin):
        raise SettingsError(
            "the PIN itself is not accepted: it would show in code and logs",
            found="a value",
            expected="a function that returns the PIN, or pin_env",
            fix="keep the PIN in a secret store or an environment variable",
        )

    def read() -> str:
        try:
            value = os.environ.get(pin_env or "") if pin is None else pin()
        except Exception as error:  # the user's own code: anything may come
            raise KeyringError(
                "the function that returns the token's PIN failed", found=type(error).__name__
            ) from error
        if not isinstance(value, str) or not value:
            raise KeyringError(
                "there is no PIN for the token",
                found=f"{pin_env} is empty or not there" if pin is None else "no text from pin()",
                expected="the user's PIN",
                fix="set it on the driver and on every executor",
            )
        return value

    return read
