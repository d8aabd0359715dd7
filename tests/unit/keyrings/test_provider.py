"""ProviderKeyring: the provider chooses by object on write, by stored description on read; its mistakes are clear."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from s3cse.envelope.profiles import find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import AesKeyring, Claim, KmsKeyring, Materials, MaterialsProvider, ProviderKeyring, RsaKeyring

from .envelopes import envelope_of, old_envelope
from .fake_kms import KEY, FakeKms
from .forked import in_a_forked_child

AES, RSA, KMS = (find_profile("emrfs-v2", kind) for kind in ("aes", "rsa", "kms"))
KEYS = {"2026": b"\x26" * 32, "2027": b"\x27" * 32}


class Provider:
    """Two AES keys: the newer writes, the description chooses for reading. ``asked`` lists the questions."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def __repr__(self) -> str:
        return f"Provider({KEYS})"

    def for_encrypt(self, uri: str, job: str | None) -> Materials:
        self.asked.append((uri, job))
        return Materials(aes_key=KEYS["2027"], matdesc={"year": "2027"})

    def for_decrypt(self, matdesc: Mapping[str, str]) -> Materials:
        self.asked.append((dict(matdesc),))
        return Materials(aes_key=KEYS[matdesc.get("year", "2026")])


class Fixed:
    """Answers always the same, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def for_encrypt(self, uri: str, job: str | None) -> Any:
        return self._answer()

    def for_decrypt(self, matdesc: Mapping[str, str]) -> Any:
        return self._answer()

    def _answer(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """One pair for all tests: making one takes time."""
    return rsa.generate_private_key(65537, 2048)


def test_description_of_the_returned_materials_is_stored() -> None:
    """The provider hears uri and job on write and the stored description on read."""
    provider = Provider()
    keyring = ProviderKeyring(provider, job="j-1")
    writer = keyring.for_encryption("s3://b/k")
    key = writer.new_data_key(AES)
    assert (writer.kind, key.materials_description) == ("aes", {"year": "2027"})
    assert keyring.unwrap(envelope_of(key, AES)) == key.plaintext
    assert provider.asked == [("s3://b/k", "j-1"), ({"year": "2027"},)]


def test_missing_description_is_an_empty_one() -> None:
    """Objects that lost theirs, and those that never had one, are the provider's to know."""
    provider = Provider()
    key = AesKeyring(KEYS["2026"]).new_data_key(AES)
    for stored in (None, {}):
        envelope = envelope_of(key, AES, materials_description=stored)
        assert ProviderKeyring(provider).unwrap(envelope) == key.plaintext
    assert provider.asked == [({},), ({},)]


def test_rsa_materials(private: rsa.RSAPrivateKey) -> None:
    """PEM or DER halves, wherever they are needed."""
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    writer = ProviderKeyring(Fixed(Materials(rsa_public=public, matdesc={"rsa_name": "n"})))
    key = writer.for_encryption("s3://b/k").new_data_key(RSA)
    assert key.materials_description == {"rsa_name": "n"}
    for given in (secret, private):
        reader = ProviderKeyring(Fixed(Materials(rsa_private=given)))
        assert reader.unwrap(envelope_of(key, RSA)) == key.plaintext


@pytest.mark.parametrize("profile", [KMS, find_profile("emrfs", "kms")])
def test_kms_materials(profile: Any) -> None:
    """The description is the context of new objects; on read the stored one is used, for the old wrap too."""
    fake = FakeKms()
    keyring = ProviderKeyring(Fixed(Materials(kms_key_id=KEY, matdesc={"team": "a"})), kms=fake)
    key = keyring.for_encryption("s3://b/k").new_data_key(profile)
    assert key.materials_description["team"] == "a"
    assert keyring.unwrap(envelope_of(key, profile)) == key.plaintext


def test_kms_client_is_made_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made before the first KMS key, and one client does for all."""
    made: list[FakeKms] = []

    def make() -> FakeKms:
        made.append(FakeKms())
        return made[-1]

    monkeypatch.setattr("s3cse.keyrings.provider.kms_client", make)
    keyring = ProviderKeyring(Fixed(Materials(kms_key_id=KEY)))
    assert made == []
    for _ in range(3):
        key = keyring.for_encryption("s3://b/k").new_data_key(KMS)
        assert keyring.unwrap(envelope_of(key, KMS)) == key.plaintext
    assert len(made) == 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_may_not_use_a_given_client() -> None:
    """Two processes never share one connection to KMS."""
    keyring = ProviderKeyring(Fixed(Materials(kms_key_id=KEY)), kms=FakeKms())

    def use() -> None:
        with pytest.raises(KeyringError, match="made in another process"):
            keyring.for_encryption("s3://b/k")

    assert in_a_forked_child(use) == 0


def test_provider_may_return_keyrings() -> None:
    """Any keyring does, and is used as it is."""
    inner = AesKeyring(KEYS["2026"], {"year": "2026"})
    keyring = ProviderKeyring(Fixed(inner))
    assert keyring.for_encryption("s3://b/k") is inner
    key = inner.new_data_key(AES)
    assert keyring.unwrap(envelope_of(key, AES)) == key.plaintext


@pytest.mark.parametrize("error", [ValueError(KEYS["2026"]), KeyError("no"), KeyringError("own"), OSError(5, "io")])
def test_failing_provider(error: Exception) -> None:
    """Its error is the cause, its text is not repeated: it may show a key."""
    keyring = ProviderKeyring(Fixed(error))
    for method, use in (
        ("for_encrypt", lambda: keyring.for_encryption("s3://b/k")),
        ("for_decrypt", lambda: keyring.unwrap(old_envelope("AES/GCM", bytes(60)))),
    ):
        with pytest.raises(
            KeyringError, match=f"failed in {method}; found {type(error).__name__}; expected Mat"
        ) as caught:
            use()
        assert caught.value.__cause__ is error
        assert "&&&" not in str(caught.value)


def test_interruption_is_not_swallowed() -> None:
    """Ctrl-C inside a provider is Ctrl-C."""
    provider = Provider()
    provider.for_encrypt = lambda uri, job: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        ProviderKeyring(provider).for_encryption("s3://b/k")


@pytest.mark.parametrize("answer", [None, KEYS["2026"], (KEYS["2026"], {}), {"aes_key": KEYS["2026"]}, Materials])
def test_wrong_answers(answer: Any) -> None:
    """Something else than materials is named by its type, not shown."""
    found = type(answer).__name__
    with pytest.raises(
        KeyringError, match=f"for_encrypt returned something else than mat.*; found {found}; expected"
    ) as caught:
        ProviderKeyring(Fixed(answer)).for_encryption("s3://b/k")
    assert "&&&" not in str(caught.value)


@pytest.mark.parametrize(
    ("materials", "found"),
    [
        ({"aes_key": b"&" * 5}, "no AES key has this length: 5 bytes"),
        ({"aes_key": "&&&"}, "text of 3 characters"),
        ({"rsa_private": b"&&&"}, "no RSA private key: 3 bytes"),
        ({"kms_key_id": ""}, "needs the id, ARN or alias"),
        ({"kms_key_id": KEY, "matdesc": {"kms_cmk_id": "x"}}, "reserved name: kms_cmk_id"),
    ],
)
def test_materials_that_do_not_work(materials: Any, found: str) -> None:
    """The message says whose mistake it is, and shows no key."""
    keyring = ProviderKeyring(Fixed(Materials(**materials)), kms=FakeKms())
    with pytest.raises(KeyringError, match=f"provider's for_encrypt returned do not work; found .*{found}") as caught:
        keyring.for_encryption("s3://b/k")
    assert "&&&" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({}, "none"),
        ({"matdesc": {"a": "b"}}, "none"),
        ({"aes_key": KEYS["2026"], "kms_key_id": KEY}, "aes_key and kms_key_id"),
        ({"aes_key": KEYS["2026"], "rsa_public": b"x"}, "aes_key and rsa_public or rsa_private"),
    ],
)
def test_materials_hold_one_kind_of_key(arguments: Any, found: str) -> None:
    """Nobody has to guess which key is meant."""
    with pytest.raises(SettingsError, match=f"one kind of key; found {found}; expected"):
        Materials(**arguments)
    with pytest.raises(SettingsError, match="no map of strings"):
        Materials(aes_key=KEYS["2026"], matdesc={"a": 1})  # type: ignore[dict-item]


def test_mistakes_inside_the_provider_are_its_failure() -> None:
    """Materials that cannot be made at all are an error inside the provider."""

    class Careless(Provider):
        def for_encrypt(self, uri: str, job: str | None) -> Materials:
            return Materials()

    with pytest.raises(KeyringError, match="failed in for_encrypt; found SettingsError"):
        ProviderKeyring(Careless()).for_encryption("s3://b/k")


def test_provider_must_have_both_methods() -> None:
    """A class instead of an instance, or half a provider, is refused at once."""
    with pytest.raises(SettingsError, match=r"no materials provider; found str; expected for_encrypt\(uri, job\) and"):
        ProviderKeyring("x")  # type: ignore[arg-type]
    assert isinstance(Provider(), MaterialsProvider)


def test_data_key_needs_the_object() -> None:
    """Without an object there is nothing to ask the provider for."""
    with pytest.raises(SettingsError, match=r"expected for_encryption\(uri\)"):
        ProviderKeyring(Provider()).new_data_key(AES)


def test_wrong_key_for_the_object() -> None:
    """What the returned keyring says of the object is the answer."""
    key = AesKeyring(KEYS["2027"]).new_data_key(AES)
    with pytest.raises(KeyringError, match="does not open"):
        ProviderKeyring(Provider()).unwrap(envelope_of(key, AES, materials_description={"year": "2026"}))
    with pytest.raises(KeyringError, match="not wrapped by an AES key"):
        ProviderKeyring(Provider()).unwrap(old_envelope("kms", b"x"))


def test_claims() -> None:
    """It may know any object; of KMS it may be asked in turn."""
    keyring = ProviderKeyring(Provider())
    assert keyring.claim(old_envelope("AES/GCM", b"")) is Claim.POSSIBLE
    assert keyring.claim(old_envelope("RSA/ECB/PKCS1Padding", b"")) is Claim.POSSIBLE
    assert keyring.claim(old_envelope("kms", b"")) is Claim.ASK


def test_nothing_shows_a_key_or_travels(private: rsa.RSAPrivateKey) -> None:
    """Materials and keyring have text forms without keys, even if the provider's own has one."""
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for materials in (Materials(aes_key=KEYS["2026"], matdesc={"a": "b"}), Materials(rsa_private=pem)):
        assert "&" not in repr(materials)
        assert "PRIVATE" not in repr(materials)
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(materials)
    keyring = ProviderKeyring(Provider(), "j")
    assert (repr(keyring), keyring.kind) == ("ProviderKeyring(<Provider>, job='j')", "provider")
    with pytest.raises(TypeError, match="one process"):
        pickle.dumps(keyring)


def test_threads() -> None:
    """Many threads ask at once."""
    keyring = ProviderKeyring(Provider())

    def work(_: int) -> bool:
        key = keyring.for_encryption("s3://b/k").new_data_key(AES)
        return keyring.unwrap(envelope_of(key, AES)) == key.plaintext

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(100)))


def test_kms_and_rsa_keyrings_are_what_the_materials_say(private: rsa.RSAPrivateKey) -> None:
    """The kind that finds the profile is that of the materials."""
    kms = ProviderKeyring(Fixed(Materials(kms_key_id=KEY)), kms=FakeKms()).for_encryption("s3://b/k")
    raw = ProviderKeyring(Fixed(Materials(rsa_private=private))).for_encryption("s3://b/k")
    assert isinstance(kms, KmsKeyring)
    assert isinstance(raw, RsaKeyring)
