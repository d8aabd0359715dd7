"""Which format an object is in, and which mixtures are refused."""

from __future__ import annotations

import pytest

from s3cse.envelope.detect import detect_format, envelope_fields, read_envelope
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


@pytest.mark.parametrize(("headers", "name"), [(V1, "V1"), (V3, "V3")])
def test_formats_of_later_issues_are_named(headers: dict[str, str], name: str) -> None:
    """A V1 or V3 object is told from a damaged one."""
    with pytest.raises(EnvelopeError, match=f"format {name}, not supported yet; found x-amz.*; expected format V2.*"):
        read_envelope(headers)


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


def test_letter_case_of_names_does_not_matter() -> None:
    """Test servers keep the case that S3 lowers."""
    assert read_envelope({name.title(): value for name, value in gcm().items()}) == read_envelope(gcm())


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
    assert envelope.encryption_context == {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}
