"""Where the fields of a new envelope go, and what does not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from s3cse.envelope.detect import read_envelope
from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES
from s3cse.envelope.model import Envelope
from s3cse.envelope.stored_form import METADATA_LIMIT_BYTES, STORAGE, stored_form
from s3cse.errors import SettingsError

from .fields_of import V1, V3, big, cbc, gcm

every_format = pytest.mark.parametrize("headers", [V1, cbc(), gcm(), V3], ids=["v1", "cbc", "gcm", "v3"])


def opened(headers: dict[str, str]) -> Envelope:
    envelope = read_envelope(headers)
    assert envelope is not None
    return envelope


def size(metadata: dict[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in metadata.items())


@every_format
def test_metadata_holds_all_fields(headers: dict[str, str]) -> None:
    """Storage ``metadata`` has no file."""
    form = stored_form(opened(headers), 5, "metadata")
    assert form.metadata.keys() == headers.keys()
    assert form.instruction is None


@every_format
def test_instruction_file_holds_what_its_format_puts_there(headers: dict[str, str]) -> None:
    """V1 and V2 leave nothing but the length on the object, V3 leaves c, d and i."""
    form = stored_form(opened(headers), 5, "instruction-file")
    assert form.instruction is not None
    in_file = json.loads(form.instruction)
    stays = {"x-amz-c", "x-amz-d", "x-amz-i"} if headers is V3 else {"x-amz-unencrypted-content-length"}
    assert set(form.metadata) == stays
    assert {**form.metadata, **in_file} == stored_form(opened(headers), 5, "metadata").metadata
    assert form.metadata.keys().isdisjoint(in_file)


@every_format
@pytest.mark.parametrize("storage", STORAGE)
def test_stored_forms_read_back(headers: dict[str, str], storage: str) -> None:
    """The envelope is the same in either place."""
    form = stored_form(opened(headers), 5, storage, other_metadata={"owner": "x"})
    assert "owner" not in form.metadata
    assert read_envelope({**form.metadata, "owner": "x"}, (), form.instruction) == opened(headers)


@pytest.mark.parametrize("storage", ["", "Metadata", "instruction"])
def test_unknown_storage(storage: str) -> None:
    """A word that is none names those that are."""
    with pytest.raises(SettingsError, match=r"no such storage.*expected metadata \| instruction-file"):
        stored_form(opened(gcm()), 5, storage)


def test_metadata_up_to_the_limit_of_s3_and_no_further() -> None:
    """An envelope that S3 would refuse is refused by us, with both ways out."""
    most = METADATA_LIMIT_BYTES - size(stored_form(big(0), 2**36, "metadata").metadata)
    assert size(stored_form(big(most), 2**36, "metadata").metadata) == METADATA_LIMIT_BYTES
    with pytest.raises(
        SettingsError,
        match=r"does not fit into the object's metadata; found 2049 bytes; expected at most 2048 bytes\. Use a shorter "
        "encryption context or storage=instruction-file",
    ):
        stored_form(big(most + 1), 2**36, "metadata")
    assert stored_form(big(most + 1), 2**36, "instruction-file").metadata == {
        "x-amz-unencrypted-content-length": str(2**36)
    }


def test_other_metadata_shares_the_limit() -> None:
    """The user's own metadata counts, in bytes, and the message says how much of it there is."""
    free = METADATA_LIMIT_BYTES - size(stored_form(big(0), 5, "metadata").metadata)
    stored_form(big(0), 5, "metadata", other_metadata={"é": "x" * (free - 2)})
    with pytest.raises(SettingsError, match=rf"found 2049 bytes, {free + 1} of them other metadata.* or less other "):
        stored_form(big(0), 5, "metadata", other_metadata={"é": "x" * (free - 1)})


@pytest.mark.parametrize(("headers", "own"), [(gcm(), 33), (V3, 104)], ids=["v2", "v3"])
def test_other_metadata_beside_an_instruction_file(headers: dict[str, str], own: int) -> None:
    """What stays on the object shares the limit with the user's own metadata."""
    assert size(stored_form(opened(headers), 5, "instruction-file").metadata) == own
    stored_form(opened(headers), 5, "instruction-file", other_metadata={"a": "x" * (2047 - own)})
    with pytest.raises(SettingsError, match=r"found 2049 bytes, .* Use less other metadata$"):
        stored_form(opened(headers), 5, "instruction-file", other_metadata={"a": "x" * (2048 - own)})


def test_nothing_is_written_that_would_not_be_read() -> None:
    """A context too long for our own reader is refused on write."""
    form = stored_form(big(MAX_INSTRUCTION_BYTES - 1000), 5, "instruction-file")
    assert read_envelope(form.metadata, (), form.instruction) == replace(
        big(MAX_INSTRUCTION_BYTES - 1000), claimed_length="5"
    )
    with pytest.raises(SettingsError, match="does not fit into an instruction file; found 262"):
        stored_form(big(MAX_INSTRUCTION_BYTES), 5, "instruction-file")
