"""A PKCS#11 library in memory, as python-pkcs11 shows one: tokens, sessions, keys that compute and can misbehave."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pkcs11
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass

PIN = "5678"
_HASHES = {
    Mechanism.SHA_1: hashes.SHA1(),
    Mechanism.SHA256: hashes.SHA256(),
    Mechanism.SHA384: hashes.SHA384(),
    Mechanism.SHA512: hashes.SHA512(),
}
_MGFS = {MGF.SHA1: hashes.SHA1(), MGF.SHA256: hashes.SHA256(), MGF.SHA384: hashes.SHA384(), MGF.SHA512: hashes.SHA512()}


class FakeHsm:
    """One library with one token. ``faults`` are raised by the next operations, ``log`` lists what was called."""

    def __init__(self, label: str = "token", slot: int = 7) -> None:
        self.label, self.slot_id = label, slot
        self.objects: list[FakeObject] = []
        self.faults: list[Exception] = []
        self.log: list[str] = []
        self.own_iv: bytes | None = None  # what the device writes over GCM's IV, as CloudHSM does
        self.logged_in = False
        self.reinitialize_fails = False

    # The library.
    def get_token(self, token_label: str) -> FakeHsm:
        if token_label != self.label:
            raise pkcs11.NoSuchToken("No token matching")
        return self

    def get_slots(self, token_present: bool) -> list[FakeSlot]:
        return [FakeSlot(self)]

    def reinitialize(self) -> None:
        self.log.append("reinitialize")
        self.logged_in = False
        if self.reinitialize_fails:
            raise pkcs11.FunctionFailed

    def initialize(self) -> None:
        self.log.append("initialize")

    # The token.
    def open(self, user_pin: str | None = None) -> FakeHsm:
        self.log.append("open" if user_pin is None else "login")
        self._fail()
        if user_pin is not None:
            if self.logged_in:
                raise pkcs11.UserAlreadyLoggedIn
            if user_pin != PIN:
                raise pkcs11.PinIncorrect
            self.logged_in = True
        return self

    # The session.
    def get_objects(self, wanted: Mapping[Attribute, object]) -> Iterator[FakeObject]:
        for found in self.objects:
            if all(found.attributes.get(name) == value for name, value in wanted.items()):
                yield found

    # For tests.
    def add_aes(self, key: bytes, label: str = "k", id_: bytes = b"\x01") -> FakeObject:
        return self._add(ObjectClass.SECRET_KEY, KeyType.AES, label, id_, secret=key)

    def add_rsa(self, pair: RSAPrivateKey, label: str = "k", id_: bytes = b"\x01", halves: str = "both") -> None:
        numbers = pair.public_key().public_numbers()
        shown = {
            Attribute.MODULUS: numbers.n.to_bytes(-(-pair.key_size // 8), "big"),
            Attribute.PUBLIC_EXPONENT: numbers.e.to_bytes(3, "big"),
        }
        if halves in ("both", "private"):
            self._add(ObjectClass.PRIVATE_KEY, KeyType.RSA, label, id_, pair=pair).attributes.update(shown)
        if halves in ("both", "public"):
            self._add(ObjectClass.PUBLIC_KEY, KeyType.RSA, label, id_).attributes.update(shown)

    def _add(self, kind: ObjectClass, type_: KeyType, label: str, id_: bytes, **secrets: Any) -> FakeObject:
        attributes = {Attribute.CLASS: kind, Attribute.KEY_TYPE: type_, Attribute.LABEL: label, Attribute.ID: id_}
        self.objects.append(FakeObject(self, attributes, **secrets))
        return self.objects[-1]

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


class FakeSlot:
    """A slot that holds the token."""

    def __init__(self, hsm: FakeHsm) -> None:
        self.slot_id = hsm.slot_id
        self._hsm = hsm

    def get_token(self) -> FakeHsm:
        return self._hsm


class FakeObject:
    """A key; the device answers GeneralError for whatever does not open, as SoftHSM does."""

    def __init__(
        self,
        hsm: FakeHsm,
        attributes: dict[Attribute, Any],
        secret: bytes = b"",
        pair: RSAPrivateKey | None = None,
    ) -> None:
        self.hsm, self.attributes, self._secret, self._pair = hsm, attributes, secret, pair
        if secret:
            attributes[Attribute.VALUE_LEN] = len(secret)

    def __getitem__(self, name: Attribute) -> Any:
        if name is Attribute.VALUE and Attribute.VALUE not in self.attributes:
            raise pkcs11.AttributeSensitive
        return self.attributes[name]

    def encrypt(self, data: bytes, mechanism: Mechanism, mechanism_param: Any = None) -> bytes:
        self._called("encrypt", mechanism)
        if mechanism is Mechanism.AES_ECB:
            encryptor = Cipher(algorithms.AES(self._secret), modes.ECB()).encryptor()
            return encryptor.update(data) + encryptor.finalize()
        assert mechanism is Mechanism.AES_GCM
        if self.hsm.own_iv is not None:
            if any(mechanism_param.nonce):
                raise pkcs11.ArgumentsBad
            mechanism_param.nonce[:] = self.hsm.own_iv
        return AESGCM(self._secret).encrypt(bytes(mechanism_param.nonce), data, mechanism_param.aad)

    def decrypt(self, data: bytes, mechanism: Mechanism, mechanism_param: Any = None) -> bytes:
        self._called("decrypt", mechanism)
        return self._or_general_error(lambda: self._decrypt(data, mechanism, mechanism_param))

    def unwrap_key(
        self, kind: ObjectClass, type_: KeyType, data: bytes, mechanism: Mechanism, template: Any
    ) -> FakeObject:
        self._called("unwrap", mechanism)
        assert (kind, type_, mechanism) == (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, Mechanism.AES_KEY_WRAP)
        assert template[Attribute.TOKEN] is False
        value = self._or_general_error(lambda: aes_key_unwrap(self._secret, data))
        return FakeObject(self.hsm, {Attribute.VALUE: value})

    def destroy(self) -> None:
        self.hsm.log.append("destroy")

    def _decrypt(self, data: bytes, mechanism: Mechanism, param: Any) -> bytes:
        if mechanism is Mechanism.AES_ECB:
            decryptor = Cipher(algorithms.AES(self._secret), modes.ECB()).decryptor()
            return decryptor.update(data) + decryptor.finalize()
        if mechanism is Mechanism.AES_GCM:
            return AESGCM(self._secret).decrypt(bytes(param.nonce), data, param.aad)
        assert self._pair is not None
        if mechanism is Mechanism.RSA_PKCS:
            return self._pair.decrypt(data, PKCS1v15())
        assert mechanism is Mechanism.RSA_PKCS_OAEP
        return self._pair.decrypt(data, OAEP(MGF1(_MGFS[param[1]]), _HASHES[param[0]], param[2]))

    def _called(self, operation: str, mechanism: Mechanism) -> None:
        self.hsm.log.append(f"{operation} {mechanism.name} {os.getpid()}")
        self.hsm._fail()

    @staticmethod
    def _or_general_error(action: Callable[[], bytes]) -> bytes:
        try:
            return action()
        except Exception:  # noqa: BLE001 - that is what it does
            raise pkcs11.GeneralError from None
