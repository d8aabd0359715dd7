"""What the inventory says of objects in all formats, of damaged ones, and of those that nobody may look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

import s3cse
from keys.lake import AES_KEY, BODY, DESCRIPTION, Lake
from s3cse.errors import TransferError
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.keyrings.kms_probe import KmsProbe
from s3cse.keys import row as words
from s3cse.keys.evidence import fingerprint
from s3cse.keys.found import Found
from s3cse.keys.inspection import Inspection
from s3cse.keys.rate_limit import RateLimit
from s3cse.local import Servers
from s3cse.message import encrypt
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, StoredObject
from spark.fakes import Lake as FakeLake

KINDS = ("kms", "aes", "rsa")
STORAGES = ("metadata", "instruction-file")
PROFILES = ("emrfs-v2", "s3ec-v4", "emrfs")


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_format(lake: Lake, profile: str, storage: str) -> None:
    """Format, wrap, key, sizes, authentication and storage are those that the object was written with."""
    for kind in KINDS:
        lake.put(kind, kind, profile=profile, storage=storage)
    rows = lake.rows()
    cbc = profile == "emrfs"
    for kind in KINDS:
        row = rows[kind]
        assert row.error is None
        expected = {"emrfs-v2": "V2", "s3ec-v4": "V3", "emrfs": "V2" if kind == "kms" else "V1"}[profile]
        assert (row.format, row.authenticated, row.legacy) == (expected, not cbc, cbc)
        assert row.plaintext_bytes == (None if cbc else len(BODY))
        assert row.envelope_in == storage
        assert row.instruction_file == ("present" if storage == "instruction-file" else None)
        assert row.length_header == {"s3ec-v4": None, "emrfs": words.POSSIBLE, "emrfs-v2": words.RIGHT}[profile]
        assert (row.opens, row.indexed) == (None, None)
        assert row.last_modified is not None
    assert rows["aes"].description_fingerprint == rows["rsa"].description_fingerprint == fingerprint(DESCRIPTION)
    assert (rows["aes"].key_evidence, rows["aes"].key_id) == (words.STORED, None)
    files = [row for name, row in rows.items() if name.endswith(".instruction")]
    assert {row.instruction_file for row in files} == ({words.IN_USE} if storage == "instruction-file" else set())


def test_only_the_old_kms_wrap_names_its_key(lake: Lake) -> None:
    """Wrap kms stores the key's name, which is evidence; kms+context and V3 store none, so that it is unknown."""
    for profile in PROFILES:
        lake.put(profile, profile=profile)
    rows = lake.rows()
    assert (rows["emrfs"].key_id, rows["emrfs"].key_evidence) == (lake.kms_key, words.STORED)
    for profile in ("emrfs-v2", "s3ec-v4"):
        assert (rows[profile].key_id, rows[profile].key_evidence) == (None, words.UNKNOWN)


def test_context_but_no_description(lake: Lake) -> None:
    """A KMS context is shown; of a raw key's description there is a fingerprint only."""
    lake.put("aes", "aes")
    client_key = KmsKeyring(lake.kms, lake.kms_key, {"team": "flights"})
    s3cse.Client(lake.s3, client_key).put_object(Bucket=lake.bucket, Key=lake.prefix + "kms", Body=b"x")
    rows = lake.rows()
    assert rows["kms"].encryption_context == {"team": "flights", "aws:x-amz-cek-alg": "AES/GCM/NoPadding"}
    assert rows["aes"].encryption_context is None
    assert DESCRIPTION["key"] not in repr(rows["aes"])


def test_description_decides_fingerprint() -> None:
    """Two descriptions with the same entries in another order have one fingerprint, others have another."""
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"}) != fingerprint({"a": "1"})


def test_tampered_length_header(lake: Lake) -> None:
    """A length header that the stored length contradicts is wrong, one that is missing is absent."""
    for name, kind, profile in (("gcm", "kms", "emrfs-v2"), ("cbc", "kms", "emrfs"), ("v1", "aes", "emrfs")):
        lake.put(name, kind, profile=profile)
    for name, claim in (("gcm", str(len(BODY) + 1)), ("cbc", str(len(BODY) + 40)), ("v1", "many")):
        lake.replace_metadata(name, {**lake.metadata(name), "x-amz-unencrypted-content-length": claim})
    lake.put("without")
    fields = lake.metadata("without")
    del fields["x-amz-unencrypted-content-length"]
    lake.replace_metadata("without", fields)
    rows = lake.rows()
    assert [rows[name].length_header for name in ("gcm", "cbc", "v1", "without")] == ["wrong"] * 3 + ["absent"]
    assert rows["gcm"].plaintext_bytes == len(BODY)


def test_keyring_tells_what_only_the_key_knows(lake: Lake) -> None:
    """With a keyring, objects open or not, and a CBC object's lying header within the last block is found."""
    lake.put("mine", profile="emrfs")
    lake.put("lying", profile="emrfs")
    lake.put("other", "aes")
    claim = {"x-amz-unencrypted-content-length": str(len(BODY) + 1)}
    lake.replace_metadata("lying", {**lake.metadata("lying"), **claim})
    rows = lake.rows(keyring=lake.keyring("kms"))
    assert (rows["mine"].opens, rows["mine"].plaintext_bytes, rows["mine"].length_header) == (True, len(BODY), "right")
    assert (rows["lying"].opens, rows["lying"].length_header) == (True, "wrong")
    assert rows["other"].opens is False
    assert "does not open" in str(rows["other"].error)


def test_what_the_named_key_opens_is_under_it(lake: Lake, servers: Servers) -> None:
    """Where the keyring names its KMS key, what it opens counts as probed; what it does not open stays unknown."""
    lake.put("mine")
    lake.put("theirs", key=servers.create_key())
    rows = lake.rows(keyring=lake.keyring("kms"), keyring_key=lake.kms_key)
    assert (rows["mine"].key_id, rows["mine"].key_evidence) == (lake.kms_key, words.PROBED)
    assert (rows["theirs"].key_id, rows["theirs"].key_evidence) == (None, words.UNKNOWN)


def test_calls_of_kms_are_limited(lake: Lake) -> None:
    """Probing waits for the rate; objects that need no call do not."""
    for name in ("a", "b", "c"):
        lake.put(name)
    lake.put("raw", "aes")
    waits: list[float] = []
    limit = RateLimit(1.0, clock=lambda: 0.0, sleep=waits.append)
    lake.rows(probe=KmsProbe(lake.kms), kms_limit=limit)
    assert sorted(waits) == [1.0, 2.0]


def test_segment_index_is_found() -> None:
    """With a keyring, a Parquet file with an authentic segment index is indexed, one without is not."""
    lake = FakeLake()
    rows = pa.table({"x": range(5000)})
    indexed, other = lake.put_indexed("indexed.parquet", rows), lake.put("other.parquet", rows)
    inspection = Inspection(store=lake.store, keyring=lake.keyring)
    assert [inspection.row(Found(place)).indexed for place in (indexed, other)] == [True, False]


def test_instruction_file_gone(lake: Lake) -> None:
    """Without its file, an object that still claims to be encrypted is a row with an error, and not plain."""
    for profile in PROFILES:
        key = lake.put(profile, profile=profile, storage="instruction-file")
        lake.s3.delete_object(Bucket=lake.bucket, Key=f"{key}.instruction")
    for row in lake.rows().values():
        assert (row.format, row.key_evidence, row.instruction_file) == (None, words.UNKNOWN, words.MISSING)
        assert "instruction file" in str(row.error)


def test_instruction_file_gone_without_a_trace(lake: Lake) -> None:
    """s3cse's mark alone keeps an object whose length header is lost, too, from being taken for plain."""
    key = lake.put("object", storage="instruction-file")
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"{key}.instruction")
    fields = lake.metadata("object")
    del fields["x-amz-unencrypted-content-length"]
    lake.replace_metadata("object", fields)
    assert lake.rows()["object"].format is None
    row = lake.rows(look_inside=True)["object"]
    assert (row.format, row.instruction_file) == (None, words.MISSING)


def test_instruction_file_moved(lake: Lake) -> None:
    """A file beside another name, one beside an object with an envelope of its own, and one alone are orphaned."""
    key = lake.put("moved", storage="instruction-file")
    lake.put("own")
    for name in ("elsewhere", "own"):
        source = {"Bucket": lake.bucket, "Key": f"{key}.instruction"}
        lake.s3.copy_object(Bucket=lake.bucket, Key=f"{lake.prefix}{name}.instruction", CopySource=source)
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"{key}.instruction")
    rows = lake.rows()
    assert rows["moved"].instruction_file == words.MISSING
    for name in ("elsewhere", "own"):
        assert (rows[f"{name}.instruction"].format, rows[f"{name}.instruction"].instruction_file) == (
            words.INSTRUCTION_FILE,
            words.ORPHANED,
        )
    assert rows["own"].format == "V2"


def test_object_with_the_suffix_that_is_no_file(lake: Lake) -> None:
    """An object whose name ends like an instruction file's, and that is none, is what it is."""
    lake.put_plain("notes.instruction", b"do this, then that")
    lake.put("secret.instruction")
    rows = lake.rows()
    assert (rows["notes.instruction"].format, rows["secret.instruction"].format) == (words.PLAIN, "V2")


def test_plain_objects_and_what_s3_does_below(lake: Lake) -> None:
    """Plain objects are plain, of any length; what S3 encrypts by itself is told beside it."""
    lake.put_plain("plain", ServerSideEncryption="AES256")
    lake.put_plain("empty", b"")
    rows = lake.rows()
    assert (rows["plain"].format, rows["plain"].server_side_encryption) == (words.PLAIN, "SSE-S3")
    assert (rows["plain"].plaintext_bytes, rows["plain"].looked_inside) == (5, False)
    assert rows["empty"].format == words.PLAIN


def test_messages_are_found_by_looking_inside(lake: Lake) -> None:
    """A message of the Encryption SDK names its keys in its first bytes; who does not look has a plain object."""
    raw = AesKeyring(AES_KEY, provider_id="tests", key_id="first")
    lake.put_plain("kms", encrypt(BODY, KmsKeyring(lake.kms, lake.kms_key), context={"team": "flights"}))
    lake.put_plain("raw", encrypt(BODY, raw))
    lake.put_plain("long", encrypt(BODY, raw, context={f"name {n}": "x" * 1000 for n in range(20)}))
    lake.put_plain("cut", encrypt(BODY, raw)[:40])
    rows = lake.rows(look_inside=True)
    assert (rows["kms"].format, rows["kms"].key_id, rows["kms"].key_evidence) == (
        words.MESSAGE,
        lake.kms_key,
        words.STORED,
    )
    assert (rows["kms"].encryption_context or {})["team"] == "flights"
    assert (rows["raw"].key_id, rows["raw"].envelope_in, rows["raw"].authenticated) == ("tests:first", "body", True)
    assert rows["long"].format == words.MESSAGE
    assert "begins like an Encryption SDK message" in str(rows["cut"].error)
    unlooked = lake.rows()["kms"]
    assert (unlooked.format, unlooked.looked_inside) == (words.PLAIN, False)


def test_customer_keys(lake: Lake) -> None:
    """An object under a customer key (SSE-C) is a row that says that S3 tells nothing of it."""
    lake.put_plain("object", SSECustomerAlgorithm="AES256", SSECustomerKey=bytes(32))
    row = lake.rows()["object"]
    assert row.format is None
    assert "SSE-C" in str(row.error)
    assert row.stored_bytes == 5  # the listing's word


def test_broken_envelope(lake: Lake) -> None:
    """An envelope that contradicts itself is a row with the reason, under a key that nobody knows."""
    lake.put("object")
    lake.replace_metadata("object", {**lake.metadata("object"), "x-amz-key": "AAAA"})
    row = lake.rows()["object"]
    assert (row.format, row.key_evidence) == (None, words.UNKNOWN)
    assert "headers of several formats" in str(row.error)


class Refusing(MemoryStore):
    """A store that refuses HEADs of some keys."""

    refused: Sequence[str] = ()

    def head(self, location: Location) -> StoredObject | None:
        """See ObjectStore."""
        if location.key in self.refused:
            raise TransferError("S3 did not describe the object", status=403, code="403", found="403: Forbidden")
        return super().head(location)


def test_forbidden_objects_are_rows() -> None:
    """What may not be read stays in the inventory, with S3's reason and the listing's facts."""
    store = Refusing()
    store.refused = ("secret",)
    store.put(Location("lake", "secret"), b"12345")
    found = Found(Location("lake", "secret"), 5, '"etag"')
    row = Inspection(store=store).row(found)
    assert (row.stored_bytes, row.etag, row.format) == (5, '"etag"', None)
    assert "403" in str(row.error)


def test_object_gone_after_the_listing() -> None:
    """An object that was deleted meanwhile is a row that says so."""
    row = Inspection(store=MemoryStore()).row(Found(Location("lake", "gone"), 5, '"etag"'))
    assert "gone" in str(row.error)


def test_one_request_for_most_objects() -> None:
    """An object with an envelope in its metadata costs one HEAD, and no GET."""
    store = MemoryStore()
    fields: dict[str, Any] = {"x-amz-key-v2": "AAAA", "x-amz-iv": "AAAAAAAAAAAAAAAA", "x-amz-wrap-alg": "kms"}
    fields |= {"x-amz-cek-alg": "AES/GCM/NoPadding", "x-amz-tag-len": "128", "x-amz-matdesc": '{"kms_cmk_id":"key"}'}
    store.put(Location("lake", "object"), bytes(20), fields)
    store.log.clear()
    row = Inspection(store=store).row(Found(Location("lake", "object")))
    assert (row.key_id, row.error) == ("key", None)
    assert store.log == [("HEAD", "object")]
