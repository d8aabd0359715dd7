"""Which format an object is in, and which mixtures are refused."""

from __future__ import annotations

import base64
import json

import pytest

from s3cse.envelope.detect import detect_format, envelope_fields, read_envelope, wants_instruction_file
from s3cse.envelope.model import ContentAlgorithm, Format
from s3cse.errors import EnvelopeError

from .fields_of import V1, V3, cbc, gcm

ALL_NAMES = sorted({*V1, *V3, *gcm(), "x-amz-m"})


@pytest.mark.parametrize(
    ("headers", "expected"), [(V1, Format.V1), (gcm(), Format.V2), (cbc(), Format.V2), (V3, Format.V3)]
)
def test_each_format_is_told_by_its_own_key(headers: dict[str, str], expected: Format) -> None:
    """The exclusive key decides."""
    assert detect_format(headers) is expected


def test_object_without_envelope_has_none() -> None:
    """Metadata of other kinds is no envelope."""
    assert read_envelope({}) is None
    assert read_envelope({"owner": "x", "x-amz-abcdef": "y", "x-amz": "z"}) is None


@pytest.mark.parametrize("name", ALL_NAMES)
def test_any_single_envelope_header_claims_encryption(name: str) -> None:
    """Ciphertext that lost most of its metadata never passes for a plain object."""
    with pytest.raises(EnvelopeError):
        read_envelope({name: "1"})


@pytest.mark.parametrize("name", ALL_NAMES)
def test_empty_values_count_as_absent(name: str) -> None:
    """Go writes empty headers; they say nothing."""
    assert envelope_fields({name: ""}) == {}
    assert read_envelope({name: ""}) is None


@pytest.mark.parametrize("headers", [gcm(), cbc(), V1, V3], ids=["gcm", "cbc", "v1", "v3"])
def test_letter_case_of_names_does_not_matter(headers: dict[str, str]) -> None:
    """Test servers keep the case that S3 lowers."""
    assert read_envelope({name.title(): value for name, value in headers.items()}) == read_envelope(headers)


@pytest.mark.parametrize("name", sorted(gcm()))
@pytest.mark.parametrize("other", ["", "different"])
def test_a_name_in_two_letter_cases_is_refused(name: str, other: str) -> None:
    """Which of two headers counts is not left to chance, even where one is empty."""
    with pytest.raises(EnvelopeError, match=f"more than once; found {name}; expected each name once"):
        read_envelope({name.upper(): other, **gcm()})


@pytest.mark.parametrize("name", sorted(gcm()))
def test_a_name_that_the_store_saw_twice_is_refused(name: str) -> None:
    """What the store reports as doubled counts, in any letter case."""
    with pytest.raises(EnvelopeError, match="more than once"):
        read_envelope(gcm(), [name.upper()])


def test_unrelated_doubled_names_are_ignored() -> None:
    """Only envelope headers matter."""
    assert read_envelope({**gcm(), "owner": "x", "Owner": "y"}, ["owner", "other"]) is not None


@pytest.mark.parametrize("name", sorted(V3.keys() - {"x-amz-w", "x-amz-t"}))
@pytest.mark.parametrize("headers", [gcm(), cbc(), V1], ids=["gcm", "cbc", "v1"])
def test_any_v3_key_beside_an_older_format_is_refused(headers: dict[str, str], name: str) -> None:
    """The commitment cannot be smuggled away by adding headers of an older format."""
    with pytest.raises(EnvelopeError, match=r"headers of several formats are mixed; found .*; expected .*one format"):
        read_envelope({**headers, name: V3[name]})


@pytest.mark.parametrize(
    "name", ["x-amz-key", "x-amz-key-v2", "x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg", "x-amz-tag-len"]
)
def test_any_older_key_beside_v3_is_refused(name: str) -> None:
    """The other way round is refused as well."""
    with pytest.raises(EnvelopeError, match="headers of several formats are mixed"):
        read_envelope({**V3, name: "1"})


def test_v1_and_v2_keys_together_are_refused() -> None:
    """Two wrapped keys are one too many."""
    with pytest.raises(EnvelopeError, match="found x-amz-key, x-amz-key-v2"):
        read_envelope({**gcm(), **V1})


def test_envelope_holds_what_the_headers_say() -> None:
    """Nothing is lost or invented between headers and envelope."""
    envelope = read_envelope({**gcm(), "unrelated": "x"})
    assert envelope is not None
    assert envelope.content_algorithm is ContentAlgorithm.AES_GCM
    assert (envelope.wrap_algorithm, envelope.encrypted_data_key) == ("kms+context", b"wrapped data key")
    assert (envelope.iv, envelope.claimed_length) == (bytes(range(12)), "5")
    assert envelope.materials_description == {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}


def file_of(fields: dict[str, str]) -> bytes:
    return json.dumps(fields).encode()


def only(fields: dict[str, str], *names: str) -> dict[str, str]:
    return {name: fields[name] for name in names}


def without(fields: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in names}


V3_ON_OBJECT = only(V3, "x-amz-c", "x-amz-d", "x-amz-i")
V3_IN_FILE = without(V3, *V3_ON_OBJECT)


def refused(metadata: dict[str, str], instruction: bytes | None) -> str:
    with pytest.raises(EnvelopeError) as caught:
        read_envelope(metadata, (), instruction)
    assert None not in (caught.value.found, caught.value.expected, caught.value.fix)
    return str(caught.value)


@pytest.mark.parametrize("headers", [gcm(), cbc(), V1, V3], ids=["gcm", "cbc", "v1", "v3"])
def test_an_object_with_its_own_key_wants_no_instruction_file(headers: dict[str, str]) -> None:
    """One request is enough where the envelope is in the metadata, however damaged."""
    assert not wants_instruction_file(headers)
    exclusive = next(name for name in ("x-amz-key", "x-amz-key-v2", "x-amz-3") if name in headers)
    assert not wants_instruction_file({exclusive.upper(): "?"})
    assert wants_instruction_file({**headers, exclusive: ""})
    assert wants_instruction_file(without(headers, exclusive))


def test_an_object_without_a_key_wants_its_instruction_file() -> None:
    """Only the file can say whether it is encrypted."""
    assert wants_instruction_file({})
    assert wants_instruction_file({"owner": "x", "Owner": "y"}, ["other"])
    assert wants_instruction_file(V3_ON_OBJECT)


@pytest.mark.parametrize(("metadata", "doubled"), [({}, ["X-Amz-Key"]), ({"x-amz-iv": "a", "X-Amz-Iv": ""}, [])])
def test_an_object_that_is_refused_anyway_costs_no_second_request(metadata: dict[str, str], doubled: list[str]) -> None:
    """Repeated headers are refused whatever the file says."""
    assert not wants_instruction_file(metadata, doubled)
    with pytest.raises(EnvelopeError, match="more than once"):
        read_envelope(metadata, doubled, file_of(gcm()))


@pytest.mark.parametrize("fields", [gcm(), cbc(), V1], ids=["gcm", "cbc", "v1"])
@pytest.mark.parametrize("metadata", [{}, {"owner": "x"}, {"x-amz-unencrypted-content-length": "5"}])
def test_v1_and_v2_from_an_instruction_file(fields: dict[str, str], metadata: dict[str, str]) -> None:
    """All fields in the file; the SDK leaves the length on the object."""
    assert read_envelope(metadata, (), file_of(fields)) == read_envelope(fields)


def test_v3_from_an_instruction_file() -> None:
    """What commits to the key is on the object, the wrapped key in the file."""
    assert read_envelope(V3_ON_OBJECT, (), file_of(V3_IN_FILE)) == read_envelope(V3)
    capitals = {name.upper(): value for name, value in V3_IN_FILE.items()}
    assert read_envelope({**V3_ON_OBJECT, "X-Amz-T": ""}, (), file_of(capitals)) == read_envelope(V3)


def test_old_dotnet_instruction_file() -> None:
    """Its two fields are an object of format V1."""
    key, iv = base64.b64encode(bytes(48)).decode(), base64.b64encode(bytes(16)).decode()
    envelope = read_envelope({}, (), file_of({"EncryptedEnvelopeKey": key, "IV": iv}))
    assert envelope is not None
    assert (envelope.format, envelope.wrap_algorithm) == (Format.V1, "AES/ECB/PKCS5Padding")


def test_a_length_on_the_object_goes_before_the_one_in_the_file() -> None:
    """Either is a claim."""
    envelope = read_envelope({"x-amz-unencrypted-content-length": "6"}, (), file_of(gcm()))
    assert envelope is not None
    assert envelope.claimed_length == "6"


@pytest.mark.parametrize(
    "metadata",
    [V3_ON_OBJECT, only(V3, "x-amz-c"), {"x-amz-unencrypted-content-length": "5"}, only(gcm(), "x-amz-iv")],
    ids=["v3", "c", "length", "iv"],
)
def test_missing_instruction_file_is_named(metadata: dict[str, str]) -> None:
    """Ciphertext whose instruction file was lost says so, and does not pass for a plain object."""
    message = refused(metadata, None)
    assert "the instruction file is missing" in message
    assert f"found {', '.join(sorted(metadata))}" in message


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"owner":"x"}', b'{"x-amz-key-v2":""}', b"\xff"])
@pytest.mark.parametrize("metadata", [{}, V3_ON_OBJECT, {"x-amz-unencrypted-content-length": "5"}])
def test_an_instruction_file_claims_encryption(metadata: dict[str, str], body: bytes) -> None:
    """A damaged file never makes a plain object of its ciphertext."""
    assert "the instruction file" in refused(metadata, body)


@pytest.mark.parametrize("name", sorted(V3_ON_OBJECT))
@pytest.mark.parametrize("twice", [True, False])
def test_what_commits_to_the_key_is_never_in_the_file(name: str, twice: bool) -> None:
    """Who can replace the file must not replace the commitment."""
    metadata = V3_ON_OBJECT if twice else without(V3_ON_OBJECT, name)
    message = refused(metadata, file_of({**V3_IN_FILE, name: V3[name]}))
    assert f"the instruction file holds what belongs to the object itself; found {name}" in message
    assert "the instruction file holds" in refused({}, file_of({**gcm(), name: V3[name]}))


@pytest.mark.parametrize("fields", [gcm(), cbc(), V1], ids=["gcm", "cbc", "v1"])
@pytest.mark.parametrize("name", sorted({*gcm(), *V3, "x-amz-key", "x-amz-m"} - {"x-amz-unencrypted-content-length"}))
def test_nothing_on_the_object_beside_an_older_instruction_file(fields: dict[str, str], name: str) -> None:
    """V1 and V2 fields on the object, and those of V3, contradict the file: a V3 object stays one."""
    message = refused({name: "1"}, file_of(fields))
    assert "the envelope is in the instruction file (x-amz-key" in message
    assert f"and on the object as well; found {name};" in message


@pytest.mark.parametrize(
    "name", sorted({*gcm(), *V3_IN_FILE, "x-amz-key", "x-amz-m"} - {"x-amz-unencrypted-content-length"})
)
def test_nothing_else_on_the_object_beside_a_v3_instruction_file(name: str) -> None:
    """Each field has one place."""
    assert f"and on the object as well; found {name};" in refused({**V3_ON_OBJECT, name: "1"}, file_of(V3_IN_FILE))


@pytest.mark.parametrize(
    ("metadata", "fields", "keys"),
    [
        ({}, {"x-amz-key": "YQ==", **gcm()}, "x-amz-key, x-amz-key-v2"),
        ({}, {"x-amz-3": "YQ==", **gcm()}, "x-amz-key-v2, x-amz-3"),
        (V3_ON_OBJECT, {"x-amz-key": "YQ==", **V3_IN_FILE}, "x-amz-key, x-amz-3"),
    ],
)
def test_several_keys_in_the_file(metadata: dict[str, str], fields: dict[str, str], keys: str) -> None:
    """Exclusive keys are exclusive there too."""
    assert f"headers of several formats are mixed in the instruction file; found {keys};" in refused(
        metadata, file_of(fields)
    )


@pytest.mark.parametrize("name", ["x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg", "x-amz-tag-len"])
def test_v2_fields_in_a_v3_file(name: str) -> None:
    """After merging the formats must not mix either."""
    message = refused(V3_ON_OBJECT, file_of({**V3_IN_FILE, name: gcm()[name]}))
    assert f"headers of several formats are mixed; found x-amz-3, {name}" in message


@pytest.mark.parametrize("name", sorted({*V3} - {"x-amz-3"}))
def test_v3_field_missing_in_either_place(name: str) -> None:
    """Nothing that format V3 needs may be lost on the way."""
    assert name in refused(without(V3_ON_OBJECT, name), file_of(without(V3_IN_FILE, name)))
