"""Pkcs11Keyring on a real PKCS#11 library: SoftHSM. It is installed where apt may be used."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from pkcs11 import Attribute, KeyType, ObjectClass

from s3cse.crypto import keywrap
from s3cse.crypto.secret import Secret
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError
from s3cse.keyrings import AesKeyring, CachingKeyring, MultiKeyring, Pkcs11Keyring, RsaKeyring
from s3cse.message import decrypt, encrypt
from system_packages import install

from .envelopes import envelope_of, old_envelope, profile_id, profiles_of
from .forked import in_a_forked_child

pytestmark = pytest.mark.heavy

PIN, OFFICER_PIN = "5678", "1234"
KEY = bytes(range(1, 33))
AES = find_profile("emrfs-v2", "aes")
LIBRARIES = ("/usr/lib*/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so")
Token = dict[str, Any]


def softhsm() -> Path:
    """Find SoftHSM's library, or install its Debian package where that is allowed."""
    if shutil.which("softhsm2-util") is None:
        install("softhsm2")
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])]
    if not found or shutil.which("softhsm2-util") is None:
        pytest.fail("this test needs SoftHSM: install the package softhsm2")
    return found[0]


@pytest.fixture(scope="module")
def pair() -> rsa.RSAPrivateKey:
    """The RSA pair in the token, which we know too."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory, pair: rsa.RSAPrivateKey) -> Iterator[Token]:
    """A token of the test run's own with an AES and an RSA key; the arguments that open it."""
    library = softhsm()
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    label = f"s3cse-{uuid.uuid4().hex[:8]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        pins = ["--so-pin", OFFICER_PIN, "--pin", PIN]
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, *pins], check=True, capture_output=True
        )
        _fill(str(library), label, pair)
        yield {"library": str(library), "token_label": label, "pin": lambda: PIN}


@pytest.fixture(autouse=True)
def clean_error_queue() -> Iterator[None]:
    """SoftHSM leaves its failures in the OpenSSL queue that it shares with our extension, whose tests look there."""
    yield
    ctypes.CDLL(ctypes.util.find_library("crypto")).ERR_clear_error()


def _fill(library: str, label: str, pair: rsa.RSAPrivateKey) -> None:
    numbers = pair.private_numbers()
    public = numbers.public_numbers

    def big(number: int) -> bytes:
        return number.to_bytes(-(-number.bit_length() // 8), "big")

    kept = {Attribute.TOKEN: True, Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    aes = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, **kept}
    may = dict.fromkeys((Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP), True)
    with pkcs11.lib(library).get_token(token_label=label).open(rw=True, user_pin=PIN) as session:
        for name, key in (("aes", KEY), ("aes-128", KEY[:16])):
            session.create_object({**aes, **may, Attribute.LABEL: name, Attribute.VALUE: key})
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.KEY_TYPE: KeyType.RSA,
                **kept,
                Attribute.LABEL: "rsa",
                Attribute.DECRYPT: True,
                Attribute.MODULUS: big(public.n),
                Attribute.PUBLIC_EXPONENT: big(public.e),
                Attribute.PRIVATE_EXPONENT: big(numbers.d),
                Attribute.PRIME_1: big(numbers.p),
                Attribute.PRIME_2: big(numbers.q),
                Attribute.EXPONENT_1: big(numbers.dmp1),
                Attribute.EXPONENT_2: big(numbers.dmq1),
                Attribute.COEFFICIENT: big(numbers.iqmp),
            }
        )


def keyring(token: Token, key_label: str, **changes: Any) -> Pkcs11Keyring:
    return Pkcs11Keyring(**{**token, "key_label": key_label, **changes})


@pytest.mark.parametrize("profile", profiles_of("aes"), ids=profile_id)
def test_aes_round_trip(token: Token, profile: Profile) -> None:
    """Token and AesKeyring open what the other wrapped."""
    device, raw = keyring(token, "aes"), AesKeyring(KEY)
    assert device.kind == "aes"
    for writer in (device, raw):
        key = writer.new_data_key(profile)
        for reader in (device, raw):
            assert reader.unwrap(envelope_of(key, profile)) == key.plaintext


@pytest.mark.parametrize("profile", profiles_of("rsa"), ids=profile_id)
def test_rsa_round_trip(token: Token, pair: rsa.RSAPrivateKey, profile: Profile) -> None:
    """Token and RsaKeyring open what the other wrapped."""
    device, raw = keyring(token, "rsa"), RsaKeyring(private_key=pair)
    assert device.kind == "rsa"
    for writer in (device, raw):
        key = writer.new_data_key(profile)
        for reader in (device, raw):
            assert reader.unwrap(envelope_of(key, profile)) == key.plaintext


def test_rfc3394_is_read(token: Token) -> None:
    """Unwrapped in the token, and nothing of it stays there."""
    device = keyring(token, "aes")
    for _ in range(3):
        dek = os.urandom(32)
        assert device.unwrap(old_envelope("AESWrap", keywrap.wrap_rfc3394(KEY, dek))) == Secret(dek)
    loaded = pkcs11.lib(token["library"]).get_token(token_label=token["token_label"])
    session = loaded.open()
    assert len(list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))) == 2


def test_changed_wraps_are_refused_and_leave_the_session_usable(token: Token) -> None:
    """After each refusal the next operation works, in this thread and in another."""
    device = keyring(token, "aes")
    for profile in profiles_of("aes"):
        key = device.new_data_key(profile)
        changed = key.encrypted[:-1] + bytes([key.encrypted[-1] ^ 1])
        with pytest.raises(KeyringError, match="does not open"):
            device.unwrap(envelope_of(key, profile, encrypted_data_key=changed))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(device.unwrap, envelope_of(key, profile)).result(20) == key.plaintext
    wrapped = keywrap.wrap_rfc3394(KEY, bytes(32))
    with pytest.raises(KeyringError, match="does not open"):
        device.unwrap(old_envelope("AESWrap", wrapped[:-1] + bytes([wrapped[-1] ^ 1])))
    assert device.unwrap(old_envelope("AESWrap", wrapped)) == Secret(bytes(32))


def test_rsa_refusals(token: Token, pair: rsa.RSAPrivateKey) -> None:
    """OAEP refuses what was changed or binds another text; PKCS#1 v1.5 gives a key, the same each time."""
    device = keyring(token, "rsa")
    for wrapped in (keywrap.wrap_oaep_sha1(pair.public_key(), bytes(32), b"115"), b"\x01" * 256, b"\xff" * 256):
        with pytest.raises(KeyringError, match="does not open"):
            device.unwrap(old_envelope("RSA-OAEP-SHA1", wrapped))
    for wrapped in (b"\x01" * 256, b"\xff" * 256):
        envelope = old_envelope("RSA/ECB/PKCS1Padding", wrapped)
        assert device.unwrap(envelope) == device.unwrap(envelope)


def test_what_the_token_cannot_do_is_said(token: Token, pair: rsa.RSAPrivateKey) -> None:
    """SoftHSM 2.6 has OAEP with SHA-1 only; other tokens open it."""
    wrapped = pair.public_key().encrypt(bytes(32), OAEP(MGF1(hashes.SHA1()), hashes.SHA256(), None))
    envelope = old_envelope("RSA/ECB/OAEPWithSHA-256AndMGF1Padding", wrapped)
    try:
        assert keyring(token, "rsa").unwrap(envelope) == Secret(bytes(32))
    except KeyringError as error:
        assert "did not decrypt; found ArgumentsBad" in str(error)  # noqa: PT017 - either outcome is right
        assert "this token cannot do that" in str(error).lower()  # noqa: PT017


def test_device_iv_is_refused_where_the_device_makes_none(token: Token) -> None:
    """SoftHSM takes our IV: an IV of zeros is never stored."""
    with pytest.raises(KeyringError, match="made no IV"):
        keyring(token, "aes", device_iv=True).new_data_key(AES)


def test_128_bit_key(token: Token) -> None:
    """Shorter keys wrap too, but not for Redshift."""
    device = keyring(token, "aes-128")
    key = device.new_data_key(AES)
    assert AesKeyring(KEY[:16]).unwrap(envelope_of(key, AES)) == key.plaintext
    with pytest.raises(ValueError, match="found a key of 128 bits"):
        device.new_data_key(find_profile("redshift", "aes"))


def test_missing_keys_and_tokens(token: Token) -> None:
    """Real libraries say it as the fake does."""
    with pytest.raises(KeyringError, match="found 0 AES keys and 0 RSA keys"):
        assert keyring(token, "other").kind
    with pytest.raises(KeyringError, match="NoSuchToken"):
        assert keyring(token, "aes", token_label="other").kind
    with pytest.raises(KeyringError, match=r"PKCS11Error .*loading .*/none.so"):
        assert keyring(token, "aes", library="/none.so").kind


def test_by_slot(token: Token) -> None:
    """The slot's id does as well as the label."""
    slot = pkcs11.lib(token["library"]).get_token(token_label=token["token_label"]).slot.slot_id
    assert keyring(token, "aes", token_label=None, slot=slot).kind == "aes"


def test_threads(token: Token) -> None:
    """Many threads share one token."""
    devices = [keyring(token, "aes"), keyring(token, "aes")]

    def work(number: int) -> bool:
        device = devices[number % 2]
        key = device.new_data_key(AES)
        return device.unwrap(envelope_of(key, AES)) == key.plaintext

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))


def test_inside_multi_and_caching(token: Token) -> None:
    """Chosen by description, asked once."""
    hsm = keyring(token, "aes", matdesc={"key": "hsm"})
    cache = CachingKeyring(MultiKeyring([AesKeyring(bytes(32), {"key": "raw"}), hsm]))
    key = hsm.new_data_key(AES)
    assert all(cache.unwrap(envelope_of(key, AES)) == key.plaintext for _ in range(3))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child(token: Token) -> None:
    """Parent and child use the token at once, each with a session of its own."""
    device, other = keyring(token, "aes"), keyring(token, "rsa")
    key = device.new_data_key(AES)
    assert other.kind == "rsa"
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a deadlock ends the child
        try:
            for _ in range(20):
                assert device.unwrap(envelope_of(key, AES)) == key.plaintext
            assert other.kind == "rsa"
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            os._exit(1)
        os._exit(0)
    for _ in range(20):
        assert device.unwrap(envelope_of(key, AES)) == key.plaintext
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert device.unwrap(envelope_of(key, AES)) == key.plaintext


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_wrong_pin(token: Token) -> None:
    """In a process of its own, since a login is for the whole process."""

    def use() -> None:
        device = keyring(token, "aes", pin=lambda: "0000")
        for _ in range(3):
            with pytest.raises(KeyringError, match="did not log in; found PinIncorrect"):
                assert device.kind

    assert in_a_forked_child(use) == 0


def test_messages_go_both_ways(token: Token, pair: rsa.RSAPrivateKey) -> None:
    """The token opens messages under raw keyrings, and the reverse; OAEP as far as SoftHSM goes."""
    names = {"provider_id": "tests", "key_id": "key"}
    in_token = {"provider_id": "tests", "key_name": "key"}
    pairs: list[tuple[Any, Any]] = [
        (keyring(token, "aes", **in_token), AesKeyring(KEY, **names)),
        (keyring(token, "aes-128", **in_token), AesKeyring(KEY[:16], **names)),
        *(
            (keyring(token, "rsa", padding=padding, **in_token), RsaKeyring(private_key=pair, padding=padding, **names))
            for padding in ("oaep-sha1", "pkcs1")
        ),
    ]
    for device, raw in pairs:
        for writer in (device, raw):
            message = encrypt(b"text", writer, context={"a": "b"})
            for reader in (device, raw):
                assert decrypt(message, reader, context={"a": "b"}).plaintext == b"text"
