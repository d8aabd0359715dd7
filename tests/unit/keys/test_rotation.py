"""Rotation: another wrapping key for objects whose bytes stay where they are."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from faults.kms_stub import KmsFault, KmsStub
from keys.rotating import AES, BODY, RSA, Place, stub_client
from s3cse.errors import SettingsError, TransferError
from s3cse.keyrings import KmsKeyring, Materials, MultiKeyring, ProviderKeyring, RsaKeyring
from s3cse.keys import rotation_place
from s3cse.keys.rotation import Rotation, RotationOptions, listed, rotate
from s3cse.keys.rotation_kept import grant_arguments
from s3cse.keys.rotation_row import ADDED, ALREADY, FAILED, GONE, PLAIN, REFUSED, ROTATED, WOULD
from s3cse.local import Servers
from s3cse.objects.policy import Policy
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

KINDS = ("kms", "aes", "rsa")
PROFILES = ("emrfs-v2", "s3ec-v4", "emrfs")
STORAGES = ("metadata", "instruction-file")


@pytest.fixture(scope="module")
def shared(servers: Servers, shared_bucket: str) -> Iterator[Place]:
    """What the tests here share: making clients takes longer than most of them."""
    with KmsStub() as stub:
        yield Place(servers.s3_client(), shared_bucket, stub)


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    """A prefix and keys of the test's own."""
    shared.stub.clear()
    place = Place(shared.s3, shared.bucket, shared.stub, shared.kms)
    yield place
    place.leave()


@pytest.fixture
def own_place(servers: Servers, shared: Place) -> Place:
    """The same with an S3 client of the test's own."""
    return Place(servers.s3_client(), shared.bucket, shared.stub, shared.kms)


def one(rotation: Rotation, location: Location) -> Any:
    row = rotation.one(location)
    assert row is not None
    return row


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("new_kind", KINDS)
@pytest.mark.parametrize("old_kind", KINDS)
def test_every_pair_of_keys(place: Place, old_kind: str, new_kind: str, profile: str, storage: str) -> None:
    """Then the new key alone opens the object, whose stored bytes are the same; a second run finds it done."""
    old, new = place.keyring(old_kind, "old"), place.keyring(new_kind, "new")
    location = place.put(old, profile=profile, storage=storage)
    before = place.stored(location)
    row = one(place.rotation(old, new), location)
    if (old_kind, profile) == ("rsa", "emrfs"):
        assert row.outcome == REFUSED
        assert "s3cse migrate" in row.error
        assert place.opens(old, location)
        return
    assert (row.outcome, row.error) == (ROTATED, None)
    assert place.stored(location) == before
    assert place.opens(new, location)
    assert not place.opens(old, location)
    if (new_kind, profile) != ("rsa", "emrfs"):
        assert one(place.rotation(old, new), location).outcome == ALREADY
        assert place.opens(new, location)


def test_three_requests_and_no_decrypt(place: Place) -> None:
    """KMS to KMS costs one HEAD, one ReEncrypt and one copy; the data key never leaves KMS."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old)
    place.asked.clear()
    place.stub.clear()
    row = one(place.rotation(old, new), location)
    assert (row.outcome, row.key_after) == (ROTATED, place.kms_keys["new"])
    assert place.asked == ["HeadObject", "CopyObject"]
    assert [call.operation for call in place.stub.calls] == ["ReEncrypt"]


def test_an_instruction_file_is_replaced_alone(place: Place) -> None:
    """One HEAD, one GET and one PUT of the file; the object itself is not written."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old, storage="instruction-file")
    place.asked.clear()
    row = one(place.rotation(old, new), location)
    assert (row.outcome, row.etag_after) == (ROTATED, row.etag_before)
    assert place.asked == ["HeadObject", "GetObject", "PutObject"]


def test_what_is_not_the_envelope_stays(place: Place) -> None:
    """Content type, caching, user metadata, tags and the checksum are what they were."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    more = {
        "ContentType": "text/csv",
        "CacheControl": "max-age=60",
        "ContentDisposition": "attachment",
        "ContentLanguage": "de",
        "Metadata": {"team": "flights"},
        "Tagging": "cost=centre%201&a=b",
        "StorageClass": "STANDARD_IA",
        "ChecksumAlgorithm": "SHA256",
    }
    location = place.put(old, more=more)
    where = {"Bucket": location.bucket, "Key": location.key}
    before = place.s3.head_object(**where, ChecksumMode="ENABLED")
    assert one(place.rotation(old, new), location).outcome == ROTATED
    after = place.s3.head_object(**where, ChecksumMode="ENABLED")
    same = ("ContentType", "CacheControl", "ContentDisposition", "ContentLanguage", "StorageClass", "ETag")
    assert [after.get(name) for name in same] == [before.get(name) for name in same]
    assert after.get("ChecksumSHA256") == before.get("ChecksumSHA256")
    assert after["Metadata"]["team"] == "flights"
    tags = place.s3.get_object_tagging(**where)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"cost": "centre 1", "a": "b"}


def test_a_long_object_is_copied_in_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what S3 copies in one request parts are copied, and everything is said again."""
    monkeypatch.setattr(rotation_place, "ONE_COPY_BYTES", 5 << 20)
    monkeypatch.setattr(rotation_place, "COPY_PART_BYTES", 5 << 20)
    old, new = place.keyring("kms", "old"), place.keyring("aes", "new")
    body = BODY * 9000
    more = {"ContentType": "text/csv", "Metadata": {"team": "flights"}, "Tagging": "a=b"}
    location = place.put(old, body=body, more=more)
    before = place.stored(location)
    assert one(place.rotation(old, new), location).outcome == ROTATED
    assert place.asked.count("UploadPartCopy") == 3
    assert place.stored(location) == before
    assert place.opens(new, location, body)
    head = place.s3.head_object(Bucket=location.bucket, Key=location.key)
    assert (head["ContentType"], head["Metadata"]["team"], head["TagCount"]) == ("text/csv", "flights", 1)


def test_an_object_that_changes_meanwhile_is_done_again(own_place: Place) -> None:
    """A new object between the look and the copy is not overwritten with the old one: it is rotated itself."""
    place = own_place
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old)
    other = BODY[::-1]
    left = [other]

    def replaced_first(**_: Any) -> None:
        if left:
            place.put(old, body=left.pop())

    place.s3.meta.events.register("before-call.s3.CopyObject", replaced_first)
    row = one(place.rotation(old, new), location)
    assert (row.outcome, row.attempts) == (ROTATED, 2)
    assert place.opens(new, location, other)


def test_an_instruction_file_that_changes_meanwhile_is_done_again(own_place: Place) -> None:
    """The same, of an object with an instruction file."""
    place = own_place
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old, storage="instruction-file")
    other = BODY[::-1]
    writes = 0

    def replaced_first(**_: Any) -> None:
        nonlocal writes
        writes += 1
        if writes == 1:
            place.put(old, body=other, storage="instruction-file")

    place.s3.meta.events.register("before-call.s3.PutObject", replaced_first)
    row = one(place.rotation(old, new), location)
    assert (row.outcome, row.attempts) == (ROTATED, 2)
    assert place.opens(new, location, other)


def test_a_lost_answer_is_settled_by_another_look(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where S3 has copied and nobody heard of it, the next look finds the new envelope."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old)
    rotation = place.rotation(old, new)
    replace = rotation_place.EnvelopePlaces.replace

    def deaf(*arguments: Any) -> str:
        replace(*arguments)
        raise TransferError("the connection broke")

    monkeypatch.setattr(rotation_place.EnvelopePlaces, "replace", deaf)
    row = one(rotation, location)
    assert (row.outcome, row.attempts) == (ROTATED, 2)
    assert place.opens(new, location)


def test_a_second_run_asks_kms_and_writes_nothing(place: Place) -> None:
    """What is under the new key is found out by ReEncrypt alone, without any mark on the object."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old)
    one(place.rotation(old, new), location)
    place.stub.clear()
    place.asked.clear()
    assert one(place.rotation(old, new), location).outcome == ALREADY
    assert [(call.operation, call.error) for call in place.stub.calls] == [
        ("ReEncrypt", "IncorrectKeyException"),
        ("ReEncrypt", None),
    ]
    assert place.asked == ["HeadObject"]


def test_moto_which_checks_no_source_key(servers: Servers, place: Place, kms: Any) -> None:
    """A KMS that takes no notice of SourceKeyId is not believed: its answer names the key that it used."""
    old, new, third = (KmsKeyring(kms, servers.create_key()) for _ in range(3))
    location = place.put(old)
    assert one(place.rotation(old, new), location).outcome == ROTATED
    assert one(place.rotation(old, new), location).outcome == ALREADY
    foreign = one(place.rotation(old, third), location)
    assert foreign.outcome == FAILED
    assert "another KMS key" in foreign.error


def test_a_dry_run_asks_and_writes_nothing(place: Place) -> None:
    """A dry run tells what would become of the object, refusals of KMS included, and leaves it as it is."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old)
    place.asked.clear()
    assert one(place.rotation(old, new, dry_run=True), location).outcome == WOULD
    place.stub.fail(KmsFault("AccessDeniedException", operation="ReEncrypt"))
    refused = one(place.rotation(old, new, dry_run=True), location)
    assert refused.outcome == FAILED
    assert "kms:ReEncryptTo" in refused.error
    assert place.asked == ["HeadObject", "HeadObject"]


def test_the_context_stays_or_becomes_the_new_one(place: Place) -> None:
    """A new keyring without a context keeps the object's; one with a context replaces it, under the same key too."""
    key = place.kms_keys["old"]
    location = place.put(KmsKeyring(place.kms, key, {"team": "flights"}))
    row = one(place.rotation(KmsKeyring(place.kms, key), place.keyring("kms", "new")), location)
    assert '"team": "flights"' in row.context_after
    other = KmsKeyring(place.kms, place.kms_keys["new"], {"team": "rails"})
    changed = one(place.rotation(place.keyring("kms", "new"), other), location)
    assert changed.outcome == ROTATED
    assert place.opens(other, location)
    assert one(place.rotation(place.keyring("kms", "new"), other), location).outcome == ALREADY


def test_old_wraps_of_gcm_bodies_become_new_ones(place: Place) -> None:
    """The wrap `kms` under a GCM body becomes `kms+context`, which binds the algorithm."""
    keyring = place.keyring("kms", "old")
    location = place.put(keyring, storage="metadata")
    where = {"Bucket": location.bucket, "Key": location.key}
    metadata = place.s3.head_object(**where)["Metadata"]
    key = place.kms_keys["old"]
    fresh = place.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"kms_cmk_id": key})
    metadata["x-amz-key-v2"] = base64.b64encode(fresh["CiphertextBlob"]).decode()
    metadata["x-amz-matdesc"] = f'{{"kms_cmk_id":"{key}"}}'
    metadata["x-amz-wrap-alg"] = "kms"
    place.s3.put_object(**where, Body=bytes(32), Metadata=metadata)
    refused = one(place.rotation(keyring, keyring, policy=Policy(plaintext="pass")), location)
    assert (refused.outcome, "legacy=wraps" in refused.error) == (REFUSED, True)
    row = one(place.rotation(keyring, keyring), location)
    assert (row.outcome, row.wrap_before, row.wrap_after) == (ROTATED, "kms", "kms+context")
    assert one(place.rotation(keyring, keyring), location).outcome == ALREADY


def test_mixed_keys_in_one_run(place: Place) -> None:
    """Several old keyrings as one: each object is opened with its own, and all end under the new key."""
    kinds = ("kms", "aes", "rsa")
    old = MultiKeyring([place.keyring(kind, "old") for kind in kinds])
    for kind in kinds:
        for storage in STORAGES:
            place.put(place.keyring(kind, "old"), f"{kind}-{storage}", storage=storage)
    new = place.keyring("kms", "new")
    store = S3Store(place.s3)
    found = [row.location for row in listed(store, Location(place.bucket, place.prefix))]
    rows = list(rotate(place.rotation(old, new), found, workers=4))
    assert [row.outcome for row in rows] == [ROTATED] * 6
    assert all(place.opens(new, location) for location in found if not location.key.endswith(".instruction"))


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("beside", [True, False])
def test_objects_that_are_called_like_instruction_files(place: Place, beside: bool, marked: bool) -> None:
    """What a file is says its content or mark, and no name: an encrypted object of such a name is rotated, too."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    if beside:
        place.put(old, "a", storage="metadata")
    place.put(old, "filed", storage="instruction-file")
    if marked:  # SeaweedFS drops metadata whose value is empty, as the marker's is
        file = {"Bucket": place.bucket, "Key": place.prefix + "filed.instruction"}
        body = place.s3.get_object(**file)["Body"].read()
        place.s3.put_object(**file, Body=body, Metadata={"x-amz-crypto-instr-file": "x"})
    objects = [
        place.put(old, f"{name}.instruction", storage=storage) for name, storage in zip("ab", STORAGES, strict=True)
    ]
    place.s3.put_object(Bucket=place.bucket, Key=place.prefix + "notes.instruction", Body=b"notes")
    found = [row.location for row in listed(S3Store(place.s3), Location(place.bucket, place.prefix))]
    rows = {row.uri: row.outcome for row in rotate(place.rotation(old, new), found)}
    names = {uri.rpartition(place.prefix)[2]: outcome for uri, outcome in rows.items()}
    assert names.pop("a", ROTATED) == ROTATED
    assert names == {
        "filed": ROTATED, "a.instruction": ROTATED, "b.instruction": ROTATED, "notes.instruction": PLAIN
    }  # fmt: skip
    assert all(place.opens(new, location) for location in objects)


def test_an_instruction_file_costs_a_look(place: Place) -> None:
    """One HEAD where it is marked; nothing is asked of KMS, and nothing written. Nor for one of a further suffix."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old, storage="instruction-file")
    rotation = place.rotation(old, new, add_suffix=".partner")
    assert one(rotation, location).outcome == ADDED
    for suffix in (".instruction", ".partner"):
        place.stub.clear()
        place.asked.clear()
        assert rotation.one(Location(location.bucket, location.key + suffix)) is None
        assert place.asked == ["HeadObject", "GetObject"]  # SeaweedFS drops the mark
        assert place.stub.calls == []


def test_a_public_key_is_enough_to_rotate_to(place: Place) -> None:
    """Rotation to RSA needs the public half; a second run goes by the description."""
    old = place.keyring("kms", "old")
    location = place.put(old)
    new = RsaKeyring(public_key=RSA["new"].public_key(), matdesc={"key": "new"})
    assert one(place.rotation(old, new), location).outcome == ROTATED
    assert place.opens(place.keyring("rsa", "new"), location)
    assert one(place.rotation(place.keyring("rsa", "old"), new), location).outcome == ALREADY


@pytest.mark.parametrize("description", [{"team": "rails"}, {}])
def test_a_description_is_no_proof_where_the_old_key_opens(place: Place, description: dict[str, str]) -> None:
    """An object with the description of the new public key, or none, is rotated if it is under the old key."""
    old = MultiKeyring([RsaKeyring(private_key=RSA["old"], matdesc=description), place.keyring("kms", "old")])
    location = place.put(RsaKeyring(private_key=RSA["old"], matdesc=description))
    row = one(place.rotation(old, RsaKeyring(public_key=RSA["new"].public_key(), matdesc=description)), location)
    assert (row.outcome, row.error) == (ROTATED, None)
    assert place.opens(RsaKeyring(private_key=RSA["new"], matdesc=description), location)


def test_an_empty_description_names_no_key(place: Place) -> None:
    """What neither key is seen to open is failed, not done, where the new key has no description to tell it by."""
    location = place.put(RsaKeyring(private_key=RSA["old"], matdesc={}))
    new = RsaKeyring(public_key=RSA["new"].public_key(), matdesc={})
    assert one(place.rotation(place.keyring("aes", "old"), new), location).outcome == FAILED


def test_across_regions(place: Place) -> None:
    """KMS in two Regions cannot re-encrypt: Decrypt in the one and Encrypt in the other do; again it is known."""
    old = place.keyring("kms", "old")
    far = place.stub.create_key(region="eu-west-1")
    new = KmsKeyring(stub_client(place.stub, "eu-west-1"), far)
    location = place.put(KmsKeyring(place.kms, place.kms_keys["old"], {"team": "flights"}))
    place.stub.clear()
    row = one(place.rotation(old, new), location)
    assert (row.outcome, row.error) == (ROTATED, None)
    assert '"team": "flights"' in row.context_after
    assert [call.operation for call in place.stub.calls] == ["Decrypt", "Encrypt"]
    assert place.opens(new, location)
    assert one(place.rotation(old, new), location).outcome == ALREADY


def test_keys_of_providers(place: Place) -> None:
    """A materials provider names the old keys by what is stored, another the new ones by the object."""

    class Provider:
        def __init__(self, name: str) -> None:
            self.materials = Materials(aes_key=AES[name], matdesc={"key": name})

        def for_encrypt(self, uri: str, job: str | None) -> Materials:
            return self.materials

        def for_decrypt(self, matdesc: Any) -> Materials:
            return self.materials

    location = place.put(place.keyring("aes", "old"))
    rotation = place.rotation(ProviderKeyring(Provider("old")), ProviderKeyring(Provider("new")))
    assert one(rotation, location).outcome == ROTATED
    assert place.opens(place.keyring("aes", "new"), location)
    assert one(rotation, location).outcome == ALREADY


def test_a_file_is_added_for_another_reader(place: Place) -> None:
    """With add_suffix both keys open the object, each by its own instruction file; again changes nothing."""
    old, new = place.keyring("kms", "old"), place.keyring("rsa", "new")
    location = place.put(old, storage="instruction-file")
    rotation = place.rotation(old, new, add_suffix=".partner")
    assert one(rotation, location).outcome == ADDED
    assert place.opens(old, location)
    assert place.opens(new, location, instruction_suffix=".partner")
    assert one(rotation, location).outcome == ALREADY
    in_metadata = place.put(old, "b.txt")
    assert one(rotation, in_metadata).outcome == REFUSED


def test_an_added_file_of_an_older_object_is_not_taken_for_this_ones(place: Place) -> None:
    """The file that was added for an object which was replaced since opens nothing: it is told, and stays."""
    old, new = place.keyring("kms", "old"), place.keyring("rsa", "new")
    location = place.put(old, storage="instruction-file")
    rotation = place.rotation(old, new, add_suffix=".partner")
    assert one(rotation, location).outcome == ADDED
    place.put(old, storage="instruction-file", body=BODY[::-1])
    row = one(rotation, location)
    assert (row.outcome, ".partner" in row.error) == (REFUSED, True)


def test_a_file_is_added_under_a_public_key_and_again(place: Place) -> None:
    """For a partner's public key, too, a second run changes nothing, by the description."""
    old = place.keyring("kms", "old")
    location = place.put(old, storage="instruction-file")
    new = RsaKeyring(public_key=RSA["new"].public_key(), matdesc={"key": "new"})
    rotation = place.rotation(old, new, add_suffix=".partner")
    assert [one(rotation, location).outcome for _ in range(2)] == [ADDED, ALREADY]


@pytest.mark.parametrize("kept", [("s3cse-upload",), ("s3cse-upload", "x-amz-unencrypted-content-length")])
def test_an_object_whose_file_is_elsewhere_is_not_plain(place: Place, kept: tuple[str, ...]) -> None:
    """An object of ours without its instruction file, or with one of another suffix, is a failure, not passed over."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old, storage="instruction-file", instruction_suffix=".partner")
    where = {"Bucket": location.bucket, "Key": location.key}
    metadata = place.s3.head_object(**where)["Metadata"]
    place.s3.copy_object(
        **where,
        CopySource=where,
        MetadataDirective="REPLACE",
        Metadata={name: value for name, value in metadata.items() if name in kept},
    )
    row = one(place.rotation(old, new), location)
    assert (row.outcome, "instruction file" in row.error) == (FAILED, True)
    assert one(place.rotation(old, new, suffix=".partner"), location).outcome == ROTATED


def test_neither_key_opens_it(place: Place) -> None:
    """An object under a third key is a failure that names the object, and stays as it is."""
    third = KmsKeyring(place.kms, place.stub.create_key())
    location = place.put(third)
    row = one(place.rotation(place.keyring("kms", "old"), place.keyring("kms", "new")), location)
    assert row.outcome == FAILED
    assert row.error.startswith(location.uri)
    assert place.opens(third, location)


def test_what_is_not_encrypted_is_left_alone(place: Place) -> None:
    """Plain objects, ones that are gone and instruction files are no failures."""
    rotation = place.rotation(place.keyring("kms", "old"), place.keyring("kms", "new"))
    plain = Location(place.bucket, place.prefix + "plain")
    place.s3.put_object(Bucket=plain.bucket, Key=plain.key, Body=b"plain")
    assert one(rotation, plain).outcome == PLAIN
    assert one(rotation, Location(place.bucket, place.prefix + "nothing")).outcome == GONE
    file = Location(place.bucket, place.prefix + "of-another-suffix")
    # SeaweedFS drops metadata whose value is empty, as the marker's is.
    place.s3.put_object(Bucket=file.bucket, Key=file.key, Body=b"{}", Metadata={"x-amz-crypto-instr-file": "x"})
    assert rotation.one(file) is None


def test_a_message_needs_new_bytes(place: Place) -> None:
    """An Encryption SDK message is no plain object: it is refused, with the command that helps."""
    location = place.put(place.keyring("kms", "old"), profile="encryption-sdk")
    row = one(place.rotation(place.keyring("kms", "old"), place.keyring("kms", "new")), location)
    assert (row.outcome, "s3cse migrate" in row.error) == (REFUSED, True)


def test_a_folder_is_no_beginning_of_a_name(place: Place) -> None:
    """`a` means the object `a` and what is in the folder `a/`; empty objects are left out."""
    old = place.keyring("kms", "old")
    for name in ("a", "a/b", "ab"):
        place.put(old, name)
    place.s3.put_object(Bucket=place.bucket, Key=place.prefix + "a/empty", Body=b"")
    rows = listed(S3Store(place.s3), Location(place.bucket, place.prefix + "a"))
    assert [row.location.key.removeprefix(place.prefix) for row in rows] == ["a", "a/b"]


def test_an_archived_object_is_told(place: Place) -> None:
    """An object in an archive is a failure that says how to restore it; nothing is copied."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", "new")
    location = place.put(old, more={"StorageClass": "GLACIER"})
    place.asked.clear()
    row = one(place.rotation(old, new), location)
    assert row.outcome == FAILED
    assert "restore-object" in row.error
    assert "CopyObject" not in place.asked


def test_grants_become_arguments() -> None:
    """Grants are said again as boto3's arguments; the owner's alone are not worth saying."""
    owner = {"Grantee": {"ID": "me", "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    everybody = {"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}
    assert grant_arguments([owner], "me") == {}
    assert grant_arguments([owner, everybody], "me") == {
        "GrantFullControl": 'id="me"',
        "GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"',
    }


def test_the_added_suffix_is_another() -> None:
    """A further instruction file cannot have the name of the first."""
    with pytest.raises(SettingsError, match="a suffix of their own"):
        RotationOptions(add_suffix=".instruction")
