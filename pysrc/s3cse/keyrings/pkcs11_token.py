"""A key that stays in a PKCS#11 token, and what the token computes with it: the only module that sees python-pkcs11.

PKCS#11 libraries are opened without a promise that threads may share them, so one lock for each library lets one call
in at a time. After a fork the child initialises the library again, as the standard asks, and opens sessions of its
own. Sessions stay open until the process ends: closing one would log out all others of the process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pkcs11
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass

from s3cse.crypto.ciphers import GCM_IV_BYTES
from s3cse.crypto.keywrap import does_not_unwrap
from s3cse.crypto.randomness import random_bytes
from s3cse.errors import KeyringError

_Result = TypeVar("_Result")

_TAG_BITS = 128
#: What devices answer where a ciphertext does not open; SoftHSM says GeneralError for every reason.
_VERDICTS = (
    pkcs11.EncryptedDataInvalid,
    pkcs11.EncryptedDataLenRange,
    pkcs11.DataInvalid,
    pkcs11.DataLenRange,
    pkcs11.WrappedKeyInvalid,
    pkcs11.WrappedKeyLenRange,
    pkcs11.GeneralError,
    pkcs11.FunctionFailed,
)
#: What they answer where the session is gone, after a restart for one: a new session may work.
_STALE = (
    pkcs11.SessionHandleInvalid,
    pkcs11.SessionClosed,
    pkcs11.UserNotLoggedIn,
    pkcs11.KeyHandleInvalid,
    pkcs11.ObjectHandleInvalid,
    pkcs11.UnwrappingKeyHandleInvalid,
    pkcs11.DeviceRemoved,
    pkcs11.DeviceError,
    pkcs11.TokenNotPresent,
)
_PIN_REFUSED = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange, pkcs11.PinLocked, pkcs11.PinExpired)
_UNABLE = (pkcs11.MechanismInvalid, pkcs11.MechanismParamInvalid, pkcs11.ArgumentsBad, pkcs11.FunctionNotSupported)
_FIXES = (
    (_PIN_REFUSED, "check the PIN; it is not tried again in this process, so that the token does not lock"),
    (_UNABLE, "this token cannot do that: see its list of mechanisms; CloudHSM makes GCM's IV itself (device_iv=True)"),
    (
        (pkcs11.NoSuchToken, pkcs11.TokenNotPresent),
        "check token_label or slot, and that the library's configuration is there",
    ),
    ((pkcs11.MultipleTokensReturned,), "name the slot instead of the label"),
    ((pkcs11.AttributeSensitive,), "the token lets no unwrapped key out, so it cannot open the wrap AESWrap for us"),
)
_OTHER_FIX = "check the device, the PKCS#11 library and its configuration, and what this user may do"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where a key is: library, token, and the key's label or CKA_ID; ``pin`` returns the user's PIN when asked."""

    library: str
    token_label: str | None
    slot: int | None
    key_label: str | None
    key_id: bytes | None
    pin: Callable[[], str] = field(repr=False)

    def __str__(self) -> str:
        token = f"slot {self.slot}" if self.token_label is None else f"token {self.token_label!r}"
        names = [] if self.key_label is None else [f"label {self.key_label!r}"]
        names += [] if self.key_id is None else [f"id {self.key_id.hex()}"]
        return f"key with {' and '.join(names)} in {token} of {self.library}"


@dataclass(frozen=True, slots=True)
class _Opened:
    """The handles of one process's session; an AES key, or one or both halves of an RSA pair."""

    session: Any
    aes: Any = None
    private: Any = None
    public: Any = None


@dataclass(slots=True)
class _Library:
    """One PKCS#11 library in one process; ``inherited`` if the process that forked this one had initialised it."""

    path: str
    inherited: bool
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: Any = None

    def load(self) -> Any:
        """Return the library, initialised in this process."""
        if self.loaded is None:
            library = pkcs11.lib(self.path)
            if self.inherited:
                try:
                    library.reinitialize()
                except pkcs11.PKCS11Error:  # some libraries do not let a child end what its parent began
                    library.initialize()
            self.loaded = library
        return self.loaded


# Entries of other processes stay: they say that this one inherited the library.
_LIBRARIES: dict[tuple[int, str], _Library] = {}


def _library(path: str) -> _Library:
    place = (os.getpid(), path)
    if place not in _LIBRARIES:
        inherited = any(known == path for _, known in list(_LIBRARIES))
        return _LIBRARIES.setdefault(place, _Library(path, inherited))
    return _LIBRARIES[place]


class TokenKey:
    """The key at this place; opens the token at first use, in each process anew, and again when it was lost."""

    def __init__(self, place: KeyPlace) -> None:
        self._place = place
        # By process. A parent's handles are never used or dropped here: numbers like them may be the child's own.
        self._opened: dict[int, _Opened] = {}
        self._refused: dict[int, pkcs11.PKCS11Error] = {}

    def kind(self) -> str:
        """Return ``aes`` or ``rsa``.

        Raises:
            KeyringError: the token or the key is not there, or there are several; as all methods here.
        """
        return self._run("find the key", lambda opened: "aes" if opened.aes is not None else "rsa")

    def aes_key_bytes(self) -> int:
        """Return the length of the AES key in bytes."""
        return self._run("say how long its key is", lambda opened: int(opened.aes[Attribute.VALUE_LEN]))

    def public_key(self) -> RSAPublicKey:
        """Return the public half of the RSA key; it is no secret and leaves the token."""
        return self._run("show the public key", lambda opened: _public_key(opened))

    def encrypt_gcm(self, data: bytes, aad: bytes, *, device_iv: bool) -> bytes:
        """Return IV ‖ ciphertext ‖ tag.

        Args:
            device_iv: the device makes the IV, and refuses to be given one; else it is ours.
        """
        iv = bytearray(GCM_IV_BYTES) if device_iv else bytearray(random_bytes(GCM_IV_BYTES))
        sealed = self._run("encrypt", lambda opened: opened.aes.encrypt(data, **_gcm(iv, aad)))
        # The device may have written its own IV over ours; what stands there now is the one that was used.
        if not any(iv):
            raise KeyringError(
                "the token made no IV for AES-GCM",
                found="device_iv=True, and the IV is still zero",
                expected="a device that makes its own IV, as CloudHSM does",
                fix="leave device_iv out: then the IV is made here",
            )
        return bytes(iv) + bytes(sealed)

    def decrypt_gcm(self, sealed: bytes, aad: bytes) -> bytes:
        """Return the plaintext of IV ‖ ciphertext ‖ tag.

        Raises:
            IntegrityError: it does not open.
        """
        iv, rest = bytearray(sealed[:GCM_IV_BYTES]), sealed[GCM_IV_BYTES:]
        return self._run("decrypt", lambda opened: bytes(opened.aes.decrypt(rest, **_gcm(iv, aad))))

    def encrypt_ecb(self, data: bytes) -> bytes:
        """Return the encryption of whole blocks."""
        return self._run("encrypt", lambda opened: bytes(opened.aes.encrypt(data, mechanism=Mechanism.AES_ECB)))

    def decrypt_ecb(self, data: bytes) -> bytes:
        """Return the decryption of whole blocks."""
        return self._run("decrypt", lambda opened: bytes(opened.aes.decrypt(data, mechanism=Mechanism.AES_ECB)))

    def unwrap_rfc3394(self, wrapped: bytes) -> bytes:
        """Return what RFC 3394 wrapped. It passes through the token as a session object, which must be readable.

        Raises:
            IntegrityError: it does not open.
        """
        return self._run("unwrap", lambda opened: _unwrap_rfc3394(opened.aes, wrapped))

    def decrypt_oaep(self, wrapped: bytes, *, hash_: str, mgf: str) -> bytes:
        """Return the plaintext of RSA-OAEP; hashes are ``sha1``, ``sha256``, ``sha384`` or ``sha512``.

        Raises:
            IntegrityError: it does not open.
        """
        parameters = (_HASHES[hash_], _MGFS[mgf], None)
        return self._run("decrypt", lambda opened: _decrypt_rsa(opened, wrapped, Mechanism.RSA_PKCS_OAEP, parameters))

    def decrypt_pkcs1(self, wrapped: bytes) -> bytes:
        """Return the plaintext of RSAES-PKCS1-v1_5; the caller must not let the difference show.

        Raises:
            IntegrityError: it does not open.
        """
        return self._run("decrypt", lambda opened: _decrypt_rsa(opened, wrapped, Mechanism.RSA_PKCS, None))

    def _run(self, what: str, action: Callable[[_Opened], _Result]) -> _Result:
        library = _library(self._place.library)
        with library.lock:
            try:
                try:
                    return action(self._current(library))
                except _STALE:
                    self._opened.pop(os.getpid(), None)
                    return action(self._current(library))
            except _VERDICTS as error:
                raise does_not_unwrap() from error
            except pkcs11.PKCS11Error as error:
                raise self._device_error(what, error) from error

    def _current(self, library: _Library) -> _Opened:
        process = os.getpid()
        if process in self._refused:
            raise self._device_error("log in", self._refused[process]) from self._refused[process]
        if process not in self._opened:
            try:
                self._opened[process] = self._open(library)
            except _PIN_REFUSED as error:
                self._refused[process] = error
                raise self._device_error("log in", error) from error
            except _VERDICTS as error:
                # Said before there is anything to open, so it is about the device.
                raise self._device_error("open a session", error) from error
        return self._opened[process]

    def _open(self, library: _Library) -> _Opened:
        loaded = library.load()
        if self._place.token_label is not None:
            token = loaded.get_token(token_label=self._place.token_label)
        else:
            slots = [slot for slot in loaded.get_slots(token_present=True) if slot.slot_id == self._place.slot]
            if not slots:
                raise pkcs11.NoSuchToken(f"no token in slot {self._place.slot}")
            token = slots[0].get_token()
        try:
            session = token.open(user_pin=self._place.pin())
        except pkcs11.UserAlreadyLoggedIn:
            # Another session of this process logged in, and a login is for all of them.
            session = token.open()
        return self._find_key(session)

    def _find_key(self, session: Any) -> _Opened:
        aes, private, public = (
            self._objects(session, kind, type_)
            for kind, type_ in (
                (ObjectClass.SECRET_KEY, KeyType.AES),
                (ObjectClass.PRIVATE_KEY, KeyType.RSA),
                (ObjectClass.PUBLIC_KEY, KeyType.RSA),
            )
        )
        pairs = max(len(private), len(public))
        if len(aes) + pairs != 1:
            raise KeyringError(
                "the token has not exactly one such key",
                found=f"{len(aes)} AES keys and {pairs} RSA keys",
                expected=f"one {self._place}",
                fix="name it by key_label and key_id, and check that this user may see it",
            )
        return _Opened(session, _only(aes), _only(private), _only(public))

    def _objects(self, session: Any, kind: ObjectClass, type_: KeyType) -> list[Any]:
        wanted: dict[Attribute, object] = {Attribute.CLASS: kind, Attribute.KEY_TYPE: type_}
        if self._place.key_label is not None:
            wanted[Attribute.LABEL] = self._place.key_label
        if self._place.key_id is not None:
            wanted[Attribute.ID] = self._place.key_id
        return list(session.get_objects(wanted))

    def _device_error(self, what: str, error: pkcs11.PKCS11Error) -> KeyringError:
        fixes = [fix for kinds, fix in _FIXES if isinstance(error, cast("tuple[type[Exception], ...]", kinds))]
        return KeyringError(
            f"the token did not {what}",
            found=f"{type(error).__name__} {error}".rstrip(),
            expected=f"the use of the {self._place}",
            fix=fixes[0] if fixes else _OTHER_FIX,
        )


_HASHES = {
    "sha1": Mechanism.SHA_1,
    "sha256": Mechanism.SHA256,
    "sha384": Mechanism.SHA384,
    "sha512": Mechanism.SHA512,
}
_MGFS = {"sha1": MGF.SHA1, "sha256": MGF.SHA256, "sha384": MGF.SHA384, "sha512": MGF.SHA512}


def _only(found: list[Any]) -> Any:
    return found[0] if found else None


def _gcm(iv: bytearray, aad: bytes) -> dict[str, Any]:
    # The library passes the address of ``iv`` on, so a device can write there: writable memory, and nobody else's.
    parameters = pkcs11.GCMParams(cast("bytes", iv), aad, _TAG_BITS)
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": parameters}


def _unwrap_rfc3394(aes: Any, wrapped: bytes) -> bytes:
    template = {Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
    key = aes.unwrap_key(
        ObjectClass.SECRET_KEY,
        KeyType.GENERIC_SECRET,
        wrapped,
        mechanism=Mechanism.AES_KEY_WRAP,
        template=template,
    )
    try:
        return bytes(key[Attribute.VALUE])
    finally:
        key.destroy()


def _decrypt_rsa(opened: _Opened, wrapped: bytes, mechanism: Mechanism, parameters: object) -> bytes:
    if opened.private is None:
        raise KeyringError(
            "the token holds only the public half of the key",
            found="a public key",
            expected="the private key too",
            fix="log in as the user who may use the private key",
        )
    return bytes(opened.private.decrypt(wrapped, mechanism=mechanism, mechanism_param=parameters))


def _public_key(opened: _Opened) -> RSAPublicKey:
    source = opened.private if opened.public is None else opened.public
    modulus, exponent = (int.from_bytes(source[name], "big") for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT))
    return RSAPublicNumbers(exponent, modulus).public_key()
