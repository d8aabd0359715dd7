"""MultiKeyring: the member is chosen before it is tried, so no key is ever tried on an object of another."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import (
    AesKeyring,
    CachingKeyring,
    Claim,
    DataKey,
    Keyring,
    KmsDiscoveryKeyring,
    KmsKeyring,
    Materials,
    MultiKeyring,
    ProviderKeyring,
    RsaKeyring,
)

from .envelopes import envelope_of, old_envelope
from .fake_kms import KEY, OTHER_KEY, FakeKms

V1_AES, V1_RSA = find_profile("emrfs", "aes"), find_profile("emrfs", "rsa")
AES, RSA, KMS = (find_profile("emrfs-v2", kind) for kind in ("aes", "rsa", "kms"))


class Spy:
    """Counts the unwraps of a keyring and makes its claims."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.unwraps = 0

    @property
    def kind(self) -> str:
        return str(self.inner.kind)

    def __repr__(self) -> str:
        return f"Spy({self.inner!r})"

    def for_encryption(self, uri: str) -> Keyring:
        return self

    def new_data_key(self, profile: Profile) -> DataKey:
        key: DataKey = self.inner.new_data_key(profile)
        return key

    def unwrap(self, envelope: Envelope) -> Secret:
        self.unwraps += 1
        key: Secret = self.inner.unwrap(envelope)
        return key

    def claim(self, envelope: Envelope) -> Claim:
        claim: Claim = self.inner.claim(envelope)
        return claim


class Plain(Spy):
    """A keyring of somebody else's, which makes no claims."""

    claim = None  # type: ignore[assignment]


def aes(matdesc: Mapping[str, str] | None = None) -> Spy:
    return Spy(AesKeyring(os.urandom(32), matdesc))


@pytest.fixture(scope="module")
def pairs() -> list[rsa.RSAPrivateKey]:
    """Two pairs for all tests: making one takes time."""
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


def test_the_first_writes_and_all_read() -> None:
    """Rotation: new objects under the new key, old ones stay readable."""
    new, old = aes({"key": "new"}), aes({"key": "old"})
    multi = MultiKeyring([new, old])
    assert multi.new_data_key(AES).materials_description == {"key": "new"}
    assert (multi.for_encryption("s3://b/k"), multi.kind) == (new, "aes")
    for member in (new, old):
        key = member.new_data_key(AES)
        assert multi.unwrap(envelope_of(key, AES)) == key.plaintext
    assert (new.unwraps, old.unwraps) == (1, 1)


def test_named_writer_writes_and_reads() -> None:
    """The writer may be a member or come on top."""
    first, second, third = aes({"key": "1"}), aes({"key": "2"}), aes({"key": "3"})
    for writer in (second, third):
        multi = MultiKeyring([first, second], writer=writer)
        key = multi.new_data_key(AES)
        assert key.materials_description == writer.inner.description
        assert multi.for_encryption("s3://b/k") is writer
        assert multi.unwrap(envelope_of(key, AES)) == key.plaintext


def test_pkcs1_never_tries_a_wrong_key(pairs: list[rsa.RSAPrivateKey]) -> None:
    """Both keys would give a key for any object; the description decides which is asked."""
    one, two = (Spy(RsaKeyring(private_key=pair, matdesc={"pair": str(n)})) for n, pair in enumerate(pairs))
    multi = MultiKeyring([one, two])
    for member in (two, one):
        key = member.new_data_key(V1_RSA)
        assert multi.unwrap(envelope_of(key, V1_RSA)) == key.plaintext
    assert (one.unwraps, two.unwraps) == (1, 1)


def test_foreign_description_tries_no_key(pairs: list[rsa.RSAPrivateKey]) -> None:
    """Where no description is equal and every member has one, nobody is asked."""
    one, two = (Spy(RsaKeyring(private_key=pair, matdesc={"pair": str(n)})) for n, pair in enumerate(pairs))
    key = one.new_data_key(V1_RSA)
    for stored in ({"pair": "7"}, {}, None, {"pair": "0", "more": "x"}):
        with pytest.raises(KeyringError) as caught:
            MultiKeyring([one, two]).unwrap(envelope_of(key, V1_RSA, materials_description=stored))
        text = str(caught.value)
        assert "no keyring of these is for the object; found wrap 'RSA/ECB/PKCS1Padding'" in text
        assert f"materials description {stored or {}}" in text
        assert "{'pair': '0'}" in text
        assert "{'pair': '1'}" in text
    assert one.unwraps == two.unwraps == 0


def test_member_without_description_takes_the_rest() -> None:
    """The only one of its kind without a description is for all objects that nobody else's description names."""
    named, rest = aes({"key": "1"}), aes()
    multi = MultiKeyring([named, rest])
    key = rest.new_data_key(AES)
    for stored in ({}, None, {"what": "ever"}):
        assert multi.unwrap(envelope_of(key, AES, materials_description=stored)) == key.plaintext
    assert named.unwraps == 0
    assert multi.unwrap(envelope_of(own := named.new_data_key(AES), AES)) == own.plaintext
    assert rest.unwraps == 3


def test_several_without_description_are_refused(pairs: list[rsa.RSAPrivateKey]) -> None:
    """Two of one kind, without a way to tell: no guess, and nobody is tried."""
    one, two = (Spy(RsaKeyring(private_key=pair)) for pair in pairs)
    with pytest.raises(
        KeyringError, match=r"several keyrings may be for the object.*one of: Spy\(RsaKeyring.*Give each"
    ):
        MultiKeyring([one, two, aes()]).unwrap(envelope_of(one.new_data_key(V1_RSA), V1_RSA))
    assert one.unwraps == two.unwraps == 0


def test_equal_descriptions_are_refused() -> None:
    """Two members with one description are a mistake in the settings."""
    one, two = aes({"key": "1"}), aes({"key": "1"})
    with pytest.raises(KeyringError, match=r"several keyrings may be.*\{'key': '1'\}.*\{'key': '1'\}"):
        MultiKeyring([one, two]).unwrap(envelope_of(one.new_data_key(AES), AES))


def test_kinds_do_not_get_in_each_others_way(pairs: list[rsa.RSAPrivateKey]) -> None:
    """One of each kind, all without description: the wrap tells them apart."""
    fake = FakeKms()
    members = [Spy(RsaKeyring(private_key=pairs[0])), Spy(KmsKeyring(fake, KEY)), aes()]
    multi = MultiKeyring(members)
    for member, profile in zip(members, (V1_RSA, KMS, V1_AES), strict=True):
        key = member.new_data_key(profile)
        assert multi.unwrap(envelope_of(key, profile)) == key.plaintext
    assert [member.unwraps for member in members] == [1, 1, 1]


def test_chosen_member_that_fails_is_the_answer() -> None:
    """No other key is tried after the right one refused a changed object."""
    named, rest = aes({"key": "1"}), aes()
    key = named.new_data_key(AES)
    with pytest.raises(KeyringError, match="does not open"):
        MultiKeyring([named, rest]).unwrap(envelope_of(key, AES, encrypted_data_key=bytes(60)))
    assert (named.unwraps, rest.unwraps) == (1, 0)


def test_kms_members_are_asked_in_turn() -> None:
    """KMS says whose key it is; the first that opens ends it."""
    fake = FakeKms()
    members = [Spy(KmsKeyring(fake, key)) for key in (OTHER_KEY, KEY, KEY)]
    key = KmsKeyring(fake, KEY).new_data_key(KMS)
    assert MultiKeyring(members).unwrap(envelope_of(key, KMS)) == key.plaintext
    assert [member.unwraps for member in members] == [1, 1, 0]


def test_no_kms_member_opens() -> None:
    """Every refusal is in the message, the last is the cause; a single member speaks for itself."""
    fake = FakeKms()
    key = KmsKeyring(fake, KEY).new_data_key(KMS)
    changed = envelope_of(key, KMS, materials_description={"x": "y", "aws:x-amz-cek-alg": "AES/GCM/NoPadding"})
    multi = MultiKeyring([KmsKeyring(fake, OTHER_KEY), KmsKeyring(fake, KEY, {"team": "a"}), aes()])
    with pytest.raises(KeyringError) as caught:
        multi.unwrap(changed)
    text = str(caught.value)
    assert "none of 2 keyrings opens the object; found 1: KMS refused Decrypt" in text
    assert "2: the object's encryption context is not the one given" in text
    assert isinstance(caught.value.__cause__, KeyringError)
    with pytest.raises(KeyringError, match=r"^KMS refused Decrypt"):
        MultiKeyring([KmsKeyring(fake, KEY), aes()]).unwrap(changed)


def test_discovery_beside_a_writer() -> None:
    """Write under one key, read under any of an account."""
    fake = FakeKms()
    decrypt = fake.decrypt
    fake.decrypt = lambda **arguments: decrypt(**{"KeyId": KEY, **arguments})  # type: ignore[method-assign]
    multi = MultiKeyring([KmsKeyring(fake, OTHER_KEY), KmsDiscoveryKeyring(fake, ["111122223333"])])
    key = KmsKeyring(fake, KEY).new_data_key(KMS)
    assert multi.unwrap(envelope_of(key, KMS)) == key.plaintext
    assert multi.kind == "kms"


def test_providers_caches_and_multis_are_members() -> None:
    """Each is chosen by what it holds; a provider takes what no description names."""
    provided = os.urandom(32)

    class Provider:
        def for_encrypt(self, uri: str, job: str | None) -> Materials:
            return Materials(aes_key=provided, matdesc={"from": "provider"})

        def for_decrypt(self, matdesc: Mapping[str, str]) -> Materials:
            return Materials(aes_key=provided)

    one, two, three = aes({"key": "1"}), aes({"key": "2"}), aes({"key": "3"})
    multi = MultiKeyring([ProviderKeyring(Provider()), CachingKeyring(one), MultiKeyring([two, three])])
    for member in (one, two, three):
        key = member.new_data_key(AES)
        for _ in range(2):
            assert multi.unwrap(envelope_of(key, AES)) == key.plaintext
    assert (one.unwraps, two.unwraps, three.unwraps) == (1, 2, 2)
    key = multi.for_encryption("s3://b/k").new_data_key(AES)
    assert key.materials_description == {"from": "provider"}
    assert multi.unwrap(envelope_of(key, AES)) == key.plaintext


def test_multi_inside_a_cache() -> None:
    """A cache remembers whatever the chosen member gave."""
    one, two = aes({"key": "1"}), aes({"key": "2"})
    cache = CachingKeyring(MultiKeyring([one, two]))
    for member in (one, two):
        key = member.new_data_key(AES)
        assert [cache.unwrap(envelope_of(key, AES)) == key.plaintext for _ in range(3)] == [True] * 3
    assert (one.unwraps, two.unwraps, cache.kind) == (1, 1, "aes")


def test_keyrings_that_make_no_claims() -> None:
    """A keyring of somebody else's is known by its kind."""
    stranger = Plain(AesKeyring(bytes(32), {"key": "1"}))
    named = aes({"key": "2"})
    multi = MultiKeyring([stranger, named])
    for member in (stranger, named):
        key = member.new_data_key(AES)
        assert multi.unwrap(envelope_of(key, AES)) == key.plaintext
    with pytest.raises(KeyringError, match="no keyring of these"):
        multi.unwrap(old_envelope("kms", b"x"))


def test_claims() -> None:
    """The best claim of a member is the whole's."""
    key = (named := aes({"key": "1"})).new_data_key(AES)
    envelope = envelope_of(key, AES)
    kms = KmsKeyring(FakeKms(), KEY)
    assert MultiKeyring([kms, aes(), named]).claim(envelope) is Claim.EQUAL
    assert MultiKeyring([kms, aes()]).claim(envelope) is Claim.POSSIBLE
    assert MultiKeyring([kms, aes({"key": "2"})]).claim(envelope) is Claim.NONE
    assert MultiKeyring([kms, named]).claim(replace(envelope, wrap_algorithm="kms+context")) is Claim.ASK


def test_public_half_only_writes(pairs: list[rsa.RSAPrivateKey]) -> None:
    """A public key beside its private one is no second candidate."""
    writer, reader = RsaKeyring(pairs[0].public_key()), RsaKeyring(private_key=pairs[0])
    multi = MultiKeyring([writer, reader])
    key = multi.new_data_key(V1_RSA)
    assert multi.unwrap(envelope_of(key, V1_RSA)) == key.plaintext


def test_empty_is_refused() -> None:
    """A keyring of none is a mistake; a writer alone is not."""
    with pytest.raises(SettingsError, match="at least one keyring"):
        MultiKeyring([])
    assert MultiKeyring([], writer=aes()).kind == "aes"


def test_text_form_and_pickle() -> None:
    """It shows its members, which show no key, and does not travel."""
    one, two = AesKeyring(bytes(32), {"key": "1"}), AesKeyring(bytes(32))
    text = "AesKeyring(<256-bit key>, matdesc={'key': '1'})"
    assert repr(MultiKeyring([one, two])) == (
        f"MultiKeyring([{text}, AesKeyring(<256-bit key>, matdesc=None)], writer={text})"
    )
    with pytest.raises(TypeError, match="one process"):
        pickle.dumps(MultiKeyring([one]))
