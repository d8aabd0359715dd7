"""Pkcs11Keyring without a token: what is asked of the device, what is believed, sessions, PINs and forks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

from s3cse.crypto import keywrap
from s3cse.crypto.secret import Secret
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import AesKeyring, CachingKeyring, Claim, MultiKeyring, Pkcs11Keyring, RsaKeyring, pkcs11_token

from .envelopes import envelope_of, old_envelope, profile_id, profiles_of
from .fake_hsm import PIN, FakeHsm, FakeObject
from .forked import in_a_forked_child

KEY = bytes(range(1, 33))
EMRFS, EMRFS_V2, REDSHIFT = (find_profile(name, "aes") for name in ("emrfs", "emrfs-v2", "redshift"))
V1_RSA, V2_RSA = (find_profile(name, "rsa") for name in ("emrfs", "emrfs-v2"))
SHA256_WRAP = "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"


@pytest.fixture(scope="module")
def pair() -> rsa.RSAPrivateKey:
    """One pair for all tests: making one takes time."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def hsm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHsm]:
    """A library without keys, which every path loads."""
    fake = FakeHsm()
    monkeypatch.setattr(pkcs11, "lib", lambda path: fake)
    monkeypatch.setattr(pkcs11_token, "_LIBRARIES", {})
    return fake


def keyring(**changes: Any) -> Pkcs11Keyring:
    """Return a keyring for the key ``k`` of the fake."""
    arguments: dict[str, Any] = {"token_label": "token", "pin": lambda: PIN, "key_label": "k", **changes}
    return Pkcs11Keyring("/hsm.so", **{name: value for name, value in arguments.items() if value is not None})


@pytest.mark.parametrize("profile", profiles_of("aes"), ids=profile_id)
def test_aes_round_trip(hsm: FakeHsm, profile: Profile) -> None:
    """What the device wraps, it and an AesKeyring with the same key unwrap, and the other way round."""
    hsm.add_aes(KEY)
    device, raw = keyring(), AesKeyring(KEY)
    assert (device.kind, device.for_encryption("s3://b/k")) == ("aes", device)
    for writer in (device, raw):
        key = writer.new_data_key(profile)
        for reader in (device, raw):
            assert reader.unwrap(envelope_of(key, profile)) == key.plaintext


@pytest.mark.parametrize("profile", profiles_of("rsa"), ids=profile_id)
def test_rsa_round_trip(hsm: FakeHsm, pair: rsa.RSAPrivateKey, profile: Profile) -> None:
    """The private operation is the device's; the public half is enough to write."""
    hsm.add_rsa(pair)
    device, raw = keyring(matdesc={"key": "1"}), RsaKeyring(private_key=pair)
    key = device.new_data_key(profile)
    assert (device.kind, key.materials_description) == ("rsa", {"key": "1"})
    assert not any(line.startswith(("encrypt", "decrypt")) for line in hsm.log)
    for writer in (device, raw):
        key = writer.new_data_key(profile)
        for reader in (device, raw):
            assert reader.unwrap(envelope_of(key, profile)) == key.plaintext


def test_rfc3394_is_read_through_a_session_key(hsm: FakeHsm) -> None:
    """The unwrapped key is destroyed in the token, also where it may not be read."""
    hsm.add_aes(KEY)
    dek = os.urandom(32)
    envelope = old_envelope("AESWrap", keywrap.wrap_rfc3394(KEY, dek))
    assert keyring().unwrap(envelope) == Secret(dek)
    assert hsm.log[-1] == "destroy"


def test_token_that_shows_no_unwrapped_key(hsm: FakeHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the wrap and why."""
    hsm.add_aes(KEY)
    monkeypatch.setattr(FakeObject, "__getitem__", _sensitive)
    with pytest.raises(KeyringError, match=r"did not unwrap; found AttributeSensitive; .*cannot open the wrap AESWrap"):
        keyring().unwrap(old_envelope("AESWrap", keywrap.wrap_rfc3394(KEY, bytes(32))))
    assert hsm.log[-1] == "destroy"


def _sensitive(self: object, name: object) -> None:
    raise pkcs11.AttributeSensitive


def test_oaep_sha256_is_read(hsm: FakeHsm, pair: rsa.RSAPrivateKey) -> None:
    """With MGF1-SHA-1, as RsaKeyring does."""
    hsm.add_rsa(pair)
    dek = os.urandom(32)
    wrapped = pair.public_key().encrypt(dek, OAEP(MGF1(hashes.SHA1()), hashes.SHA256(), None))
    assert keyring().unwrap(old_envelope(SHA256_WRAP, wrapped)) == Secret(dek)


@pytest.mark.parametrize("profile", profiles_of("aes"), ids=profile_id)
def test_wrong_key_or_bound_text(hsm: FakeHsm, profile: Profile) -> None:
    """What the device does not open is refused as AesKeyring refuses it."""
    hsm.add_aes(KEY)
    key = AesKeyring(bytes(32)).new_data_key(profile)
    with pytest.raises(KeyringError, match=r"does not open the object's data key; found wrap"):
        keyring().unwrap(envelope_of(key, profile))
    if profile is EMRFS_V2:
        key = AesKeyring(KEY).new_data_key(find_profile("s3ec-v4", "aes"))
        with pytest.raises(KeyringError, match="does not open"):
            keyring().unwrap(envelope_of(key, profile))


def test_wrong_embedded_algorithm(hsm: FakeHsm, pair: rsa.RSAPrivateKey) -> None:
    """The text inside an OAEP wrap is compared here."""
    hsm.add_rsa(pair)
    wrapped = keywrap.wrap_oaep_sha1(pair.public_key(), bytes(32), b"115")
    with pytest.raises(KeyringError, match="does not open"):
        keyring().unwrap(old_envelope("RSA-OAEP-SHA1", wrapped))


@pytest.mark.parametrize("length", [0, 39, 59, 61, 255])
def test_lengths_and_foreign_wraps_cost_no_operation(hsm: FakeHsm, pair: rsa.RSAPrivateKey, length: int) -> None:
    """The device is not asked about what cannot be its own."""
    hsm.add_aes(KEY, "a")
    hsm.add_rsa(pair, "r")
    for label, wraps in (("a", ("AES/GCM", "AESWrap", "RSA-OAEP-SHA1")), ("r", ("RSA-OAEP-SHA1", "AES/GCM", "kms"))):
        for wrap in wraps:
            with pytest.raises(KeyringError, match=r"not wrapped by|has not the length"):
                keyring(key_label=label).unwrap(old_envelope(wrap, bytes(length)))
    assert not any(line.startswith(("encrypt", "decrypt", "unwrap")) for line in hsm.log)


def test_failed_pkcs1_gives_a_key(hsm: FakeHsm, pair: rsa.RSAPrivateKey) -> None:
    """Whatever the device says of the padding, a key comes back, the same each time."""
    hsm.add_rsa(pair)
    device = keyring()
    key = RsaKeyring(private_key=pair).new_data_key(V1_RSA)
    short = pair.public_key().encrypt(bytes(16), keywrap.PKCS1v15())
    for wrapped in (b"\xff" * 256, bytes(256), short):
        envelope = envelope_of(key, V1_RSA, encrypted_data_key=wrapped)
        made_up = device.unwrap(envelope)
        assert len(made_up) == 32
        assert made_up == device.unwrap(envelope)
        assert made_up != keyring().unwrap(envelope)


@pytest.mark.parametrize("fault", [pkcs11.EncryptedDataInvalid, pkcs11.FunctionFailed, pkcs11.DataLenRange])
def test_devices_differ_in_how_they_refuse_padding(
    hsm: FakeHsm, pair: rsa.RSAPrivateKey, fault: type[Exception]
) -> None:
    """None of it shows."""
    hsm.add_rsa(pair)
    device = keyring()
    assert device.kind == "rsa"
    key = RsaKeyring(private_key=pair).new_data_key(V1_RSA)
    hsm.faults = [fault()]
    assert device.unwrap(envelope_of(key, V1_RSA)) != key.plaintext


def test_device_that_makes_its_own_iv(hsm: FakeHsm) -> None:
    """CloudHSM writes the IV where ours would be; that one is stored."""
    hsm.add_aes(KEY)
    hsm.own_iv = b"from device!"
    key = keyring(device_iv=True).new_data_key(EMRFS_V2)
    assert key.encrypted[:12] == b"from device!"
    assert AesKeyring(KEY).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext
    with pytest.raises(KeyringError, match=r"did not encrypt; found ArgumentsBad; .*device_iv=True"):
        keyring().new_data_key(EMRFS_V2)


def test_device_that_makes_no_iv(hsm: FakeHsm) -> None:
    """An IV of zeros is never stored."""
    hsm.add_aes(KEY)
    with pytest.raises(KeyringError, match=r"made no IV for AES-GCM; .*Leave device_iv out"):
        keyring(device_iv=True).new_data_key(EMRFS_V2)


def test_ivs_are_new(hsm: FakeHsm) -> None:
    """Nothing repeats."""
    hsm.add_aes(KEY)
    device = keyring()
    assert len({device.new_data_key(EMRFS_V2).encrypted[:12] for _ in range(50)}) == 50


def test_redshift_asks_the_device_for_the_length(hsm: FakeHsm) -> None:
    """256 bits and no description, as AesKeyring."""
    hsm.add_aes(KEY[:16])
    with pytest.raises(SettingsError, match="256-bit keys only; found a key of 128 bits"):
        keyring().new_data_key(REDSHIFT)
    with pytest.raises(SettingsError, match="an AES key does not wrap as this profile wants"):
        keyring().new_data_key(V2_RSA)


@pytest.mark.parametrize("halves", ["public", "private"])
def test_halves(hsm: FakeHsm, pair: rsa.RSAPrivateKey, halves: str) -> None:
    """Either half shows the modulus, so either writes; only the private one reads."""
    hsm.add_rsa(pair, halves=halves)
    key = keyring().new_data_key(V2_RSA)
    assert RsaKeyring(private_key=pair).unwrap(envelope_of(key, V2_RSA)) == key.plaintext
    if halves == "private":
        assert keyring().unwrap(envelope_of(key, V2_RSA)) == key.plaintext
        return
    with pytest.raises(KeyringError, match="only the public half"):
        keyring().unwrap(envelope_of(key, V2_RSA))


def test_device_that_answers_another_length(hsm: FakeHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """No object is written whose key could not be read back."""
    hsm.add_aes(KEY)
    monkeypatch.setattr(FakeObject, "encrypt", lambda self, data, **_: b"short")
    with pytest.raises(KeyringError, match=r"another length than the format has; found 17 bytes; expected 60 bytes"):
        keyring().new_data_key(EMRFS_V2)


@pytest.mark.parametrize("profile", [EMRFS, EMRFS_V2], ids=profile_id)
def test_device_that_fails_to_wrap(hsm: FakeHsm, profile: Profile) -> None:
    """While writing, no error is about a ciphertext."""
    hsm.add_aes(KEY)
    device = keyring()
    assert device.kind == "aes"
    hsm.faults = [pkcs11.FunctionFailed()]
    with pytest.raises(KeyringError, match=r"did not wrap a data key; .*Check that the key may encrypt"):
        device.new_data_key(profile)


def test_key_is_found_by_label_and_id(hsm: FakeHsm) -> None:
    """One key, not none and not several; by slot too."""
    hsm.add_aes(KEY, "k", b"\x01")
    hsm.add_aes(bytes(32), "k", b"\x02")
    with pytest.raises(
        KeyringError, match=r"found 2 AES keys and 0 RSA keys; expected one key with label 'k' in token"
    ):
        assert keyring().kind
    with pytest.raises(KeyringError, match=r"found 0 AES keys and 0 RSA keys; .* id 0a0b in token 'token' of /hsm.so"):
        assert keyring(key_label=None, key_id=b"\x0a\x0b").kind
    assert keyring(key_id=b"\x02", slot=7, token_label=None).kind == "aes"


def test_ambiguous_kinds(hsm: FakeHsm, pair: rsa.RSAPrivateKey) -> None:
    """An AES and an RSA key of one name are two."""
    hsm.add_aes(KEY)
    hsm.add_rsa(pair)
    with pytest.raises(KeyringError, match="found 1 AES keys and 1 RSA keys"):
        assert keyring().kind


@pytest.mark.parametrize("place", [{"token_label": "other"}, {"token_label": None, "slot": 1}])
def test_missing_token(hsm: FakeHsm, place: dict[str, Any]) -> None:
    """The message says where it looked."""
    with pytest.raises(
        KeyringError, match=r"found NoSuchToken .*(token 'other'|slot 1) of /hsm.so\. Check token_label"
    ):
        assert keyring(**place).kind


def test_token_is_opened_once_and_late(hsm: FakeHsm) -> None:
    """Nothing happens before the first use; then there is one login."""
    hsm.add_aes(KEY)
    device = keyring()
    assert repr(device)
    assert hsm.log == []
    for _ in range(3):
        key = device.new_data_key(EMRFS_V2)
        device.unwrap(envelope_of(key, EMRFS_V2))
    assert [line for line in hsm.log if line in ("open", "login")] == ["login"]


def test_two_keyrings_share_a_login(hsm: FakeHsm) -> None:
    """A process logs in once; another session finds it done."""
    hsm.add_aes(KEY, "a")
    hsm.add_aes(bytes(32), "b")
    assert keyring(key_label="a").kind == keyring(key_label="b").kind == "aes"
    assert hsm.log == ["login", "login", "open"]


@pytest.mark.parametrize(
    "fault", [pkcs11.SessionHandleInvalid, pkcs11.DeviceRemoved, pkcs11.UserNotLoggedIn, pkcs11.DeviceError]
)
def test_lost_session_is_opened_again(hsm: FakeHsm, fault: type[Exception]) -> None:
    """A restarted device costs one more login; one that stays away is an error."""
    hsm.add_aes(KEY)
    device = keyring()
    key = device.new_data_key(EMRFS_V2)
    hsm.faults, hsm.logged_in = [fault()], False
    assert device.unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext
    assert hsm.log.count("login") == 2
    hsm.faults, hsm.logged_in = [fault(), fault()], False
    with pytest.raises(
        KeyringError, match=f"the token did not decrypt; found {fault.__name__}; expected the use of the key"
    ):
        device.unwrap(envelope_of(key, EMRFS_V2))


def test_lost_session_is_no_verdict_on_padding(hsm: FakeHsm, pair: rsa.RSAPrivateKey) -> None:
    """A device that is away makes up no PKCS#1 key."""
    hsm.add_rsa(pair)
    device = keyring()
    key = device.new_data_key(V1_RSA)
    hsm.faults = [pkcs11.DeviceRemoved(), pkcs11.DeviceRemoved()]
    with pytest.raises(KeyringError, match="DeviceRemoved"):
        device.unwrap(envelope_of(key, V1_RSA))


def test_general_error_on_opening_is_about_the_device(hsm: FakeHsm, pair: rsa.RSAPrivateKey) -> None:
    """Before there is a session, no error is about a ciphertext."""
    hsm.add_rsa(pair)
    hsm.faults = [pkcs11.GeneralError()]
    with pytest.raises(KeyringError, match=r"did not open a session; found GeneralError.*Check the device"):
        keyring().unwrap(old_envelope("RSA/ECB/PKCS1Padding", bytes(256)))


def test_refused_pin_is_not_tried_again(hsm: FakeHsm) -> None:
    """A token locks after a few wrong PINs; one try is all it gets from a process, whatever the number of objects."""
    hsm.add_aes(KEY)
    device = keyring(pin=lambda: "0000")
    for _ in range(5):
        with pytest.raises(KeyringError, match=r"did not log in; found PinIncorrect; .*not tried again") as caught:
            device.new_data_key(EMRFS_V2)
        assert "0000" not in str(caught.value)
        assert isinstance(caught.value.__cause__, pkcs11.PinIncorrect)
    assert hsm.log == ["login"]


def test_pin_from_the_environment(hsm: FakeHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is read when the token is opened."""
    hsm.add_aes(KEY)
    device = keyring(pin=None, pin_env="HSM_PIN")
    with pytest.raises(KeyringError, match=r"no PIN for the token; found HSM_PIN is empty or not there; expected"):
        assert device.kind
    monkeypatch.setenv("HSM_PIN", PIN)
    assert device.kind == "aes"


@pytest.mark.parametrize("answer", [None, "", 1234, b"1234"])
def test_pin_function_without_a_pin(hsm: FakeHsm, answer: Any) -> None:
    """What is no text is no PIN, and is not shown."""
    with pytest.raises(KeyringError, match=r"found no text from pin\(\)") as caught:
        assert keyring(pin=lambda: answer).kind
    assert "1234" not in str(caught.value)


def test_failing_pin_function(hsm: FakeHsm) -> None:
    """Its error is the cause; its text is not repeated."""

    def fail() -> str:
        raise OSError("secret 1234")

    with pytest.raises(KeyringError, match="returns the token's PIN failed; found OSError") as caught:
        assert keyring(pin=fail).kind
    assert "1234" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slot": 7}, "the token in one way; found token_label and slot; expected token_label or slot"),
        ({"token_label": None}, "the token in one way; found none"),
        ({"pin_env": "X"}, "the PIN in one way; found pin and pin_env"),
        ({"pin": None}, "the PIN in one way; found none"),
        ({"pin": "1234"}, "the PIN itself is not accepted"),
        ({"key_label": None}, "expected key_label or key_id"),
        ({"matdesc": {"a": 1}}, "no map of strings"),
    ],
)
def test_settings(changes: dict[str, Any], message: str) -> None:
    """Each mistake is named at once, before any device is touched."""
    with pytest.raises(SettingsError, match=message) as caught:
        keyring(**changes)
    assert "1234" not in str(caught.value)


def test_claims(hsm: FakeHsm) -> None:
    """The token is opened only where its kind decides."""
    hsm.add_aes(KEY)
    key = AesKeyring(KEY, {"key": "1"}).new_data_key(EMRFS_V2)
    envelope = envelope_of(key, EMRFS_V2)
    named, free = keyring(matdesc={"key": "1"}), keyring()
    assert named.claim(old_envelope("kms", b"")) is Claim.NONE
    assert keyring(matdesc={"key": "2"}).claim(envelope) is Claim.NONE
    assert hsm.log == []
    assert named.claim(envelope) is Claim.EQUAL
    assert free.claim(envelope) is Claim.POSSIBLE
    assert free.claim(old_envelope("RSA-OAEP-SHA1", b"")) is Claim.NONE


def test_inside_multi_and_caching(hsm: FakeHsm) -> None:
    """One operation of the device for an object that is read often."""
    hsm.add_aes(KEY)
    device = keyring(matdesc={"key": "hsm"})
    cache = CachingKeyring(MultiKeyring([AesKeyring(bytes(32), {"key": "raw"}), device]))
    key = device.new_data_key(EMRFS_V2)
    assert all(cache.unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext for _ in range(5))
    assert sum(line.startswith("decrypt") for line in hsm.log) == 1


def test_it_shows_no_pin(hsm: FakeHsm) -> None:
    """The text form names the key and its place."""
    device = keyring(matdesc={"a": "b"}, key_id=b"\x0a")
    assert repr(device) == (
        "Pkcs11Keyring(<key with label 'k' and id 0a in token 'token' of /hsm.so>, matdesc={'a': 'b'})"
    )
    assert PIN not in repr(vars(device))


def test_threads_enter_one_at_a_time(hsm: FakeHsm) -> None:
    """Libraries opened without locks are never entered twice."""
    inside: list[int] = []
    most: list[int] = []
    fake = hsm.add_aes(KEY)
    encrypt = fake.encrypt

    def watched(*arguments: Any, **named: Any) -> bytes:
        inside.append(1)
        most.append(len(inside))
        done = encrypt(*arguments, **named)
        inside.pop()
        return done

    fake.encrypt = watched  # type: ignore[method-assign]
    device = keyring()

    def work(_: int) -> bool:
        key = device.new_data_key(EMRFS_V2)
        return device.unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(100)))
    assert max(most) == 1
    assert hsm.log.count("login") == 1


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_opens_the_library_and_a_session_of_its_own(hsm: FakeHsm, fails: bool) -> None:
    """Once for all keyrings of the child, even if the library does not let it finalise what its parent began."""
    hsm.add_aes(KEY)
    hsm.reinitialize_fails = fails
    one, two = keyring(), keyring()
    key = one.new_data_key(EMRFS_V2)
    envelope = envelope_of(key, EMRFS_V2)

    def use() -> None:
        hsm.log.clear()
        pkcs11_token._LIBRARIES[(os.getppid(), "/hsm.so")].lock.acquire()  # as if another thread had been inside
        for device in (one, two, keyring()):
            assert device.unwrap(envelope) == key.plaintext
        opened = [line for line in hsm.log if not line.startswith("decrypt")]
        start = ["reinitialize", "initialize"] if fails else ["reinitialize"]
        assert opened == [*start, "login", "login", "open", "login", "open"]

    assert in_a_forked_child(use) == 0
    assert one.unwrap(envelope) == key.plaintext
    assert "reinitialize" not in hsm.log


def test_missing_package_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra; other keyrings never need it."""
    monkeypatch.delitem(sys.modules, "s3cse.keyrings.pkcs11_token")
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(SettingsError, match=r"python-pkcs11; found no module pkcs11; .*s3cse\[pkcs11\]"):
        keyring()


def test_importing_the_keyrings_does_not_import_the_package() -> None:
    """Most installations have no HSM."""
    code = "import sys, s3cse.keyrings; sys.exit('pkcs11' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
