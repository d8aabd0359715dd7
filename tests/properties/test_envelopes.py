"""Laws of envelopes: what is written is read, in any place and letter case; what is damaged is refused in one way."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.envelope import v1, v2, v3
from s3cse.envelope.detect import read_envelope, wants_instruction_file
from s3cse.envelope.fields import decode_map, encode_map
from s3cse.envelope.instruction_file import parse_instruction_file
from s3cse.envelope.model import (
    COMMITTING_IV,
    KMS_KEY_ID_ENTRY,
    RESERVED_CONTEXT_KEY,
    WRAP_AES_GCM,
    WRAP_KMS,
    WRAP_KMS_CONTEXT,
    WRAP_V1_AES,
    Envelope,
    Format,
)
from s3cse.envelope.profiles import PROFILES, Profile
from s3cse.envelope.rfc2047 import decode_header
from s3cse.envelope.stored_form import STORAGE, stored_form
from s3cse.errors import EnvelopeError

#: Two cores and several people: time says nothing here.
no_deadline = settings(deadline=None, max_examples=300)

PARSERS = {Format.V1: v1.parse, Format.V2: v2.parse, Format.V3: v3.parse}
WRITERS = {Format.V1: v1.write, Format.V2: v2.write, Format.V3: v3.write}
NAMES = [
    "x-amz-key", "x-amz-key-v2", "x-amz-3", "x-amz-iv", "x-amz-matdesc", "x-amz-wrap-alg", "x-amz-cek-alg",
    "x-amz-tag-len", "x-amz-unencrypted-content-length", "x-amz-c", "x-amz-d", "x-amz-i", "x-amz-w", "x-amz-m",
    "x-amz-t", "EncryptedEnvelopeKey", "IV", "owner",
]  # fmt: skip

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
maps = st.dictionaries(words.filter(lambda word: word != RESERVED_CONTEXT_KEY), words, max_size=4)
lengths = st.integers(0, 2**36)


@st.composite
def envelopes(draw: st.DrawFn, rows: st.SearchStrategy[Profile] = st.sampled_from(PROFILES)) -> Envelope:  # noqa: B008
    """Draw an envelope as a writer of some profile makes it."""
    profile = draw(rows)
    algorithm, wrap = profile.content_algorithm, profile.wrap_algorithm
    description = draw(maps)
    if wrap == WRAP_KMS_CONTEXT:
        description[RESERVED_CONTEXT_KEY] = algorithm.value
    if wrap == WRAP_KMS:
        description[KMS_KEY_ID_ENTRY] = draw(words)
    wrapped = {WRAP_AES_GCM: st.just(60), WRAP_V1_AES: st.just(48)}.get(wrap, st.integers(49, 512))
    length = draw(wrapped)
    commits = algorithm.commits
    return Envelope(
        format=profile.format,
        content_algorithm=algorithm,
        wrap_algorithm=wrap,
        encrypted_data_key=draw(st.binary(min_size=length, max_size=length)),
        iv=COMMITTING_IV if commits else draw(st.binary(min_size=algorithm.iv_bytes, max_size=algorithm.iv_bytes)),
        materials_description=description,
        commitment=draw(st.binary(min_size=28, max_size=28)) if commits else b"",
        message_id=draw(st.binary(min_size=28, max_size=28).filter(any)) if commits else b"",
    )


def as_read(envelope: Envelope, plaintext_bytes: int) -> Envelope:
    """Return what a reader sees of it: V3 stores no length, and leaves an empty description out."""
    if envelope.format is not Format.V3:
        return replace(envelope, claimed_length=str(plaintext_bytes))
    return replace(envelope, materials_description=envelope.materials_description or None)


@st.composite
def respelt(draw: st.DrawFn, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Draw other letter cases for the names."""
    return {draw(st.sampled_from([name, name.upper(), name.title()])): value for name, value in fields.items()}


def check(error: EnvelopeError) -> None:
    """Every refusal says all that its reader needs, and not much more."""
    assert None not in (error.found, error.expected, error.fix)
    assert len(str(error)) < 1500


@no_deadline
@given(envelope=envelopes(), plaintext_bytes=lengths)
def test_what_is_written_is_read(envelope: Envelope, plaintext_bytes: int) -> None:
    """Each format reads what it writes, for every row of the table."""
    fields = WRITERS[envelope.format](envelope, plaintext_bytes)
    assert PARSERS[envelope.format](fields) == as_read(envelope, plaintext_bytes)
    assert all(name.isascii() and value.isascii() and value.isprintable() for name, value in fields.items())


@no_deadline
@given(envelope=envelopes(), plaintext_bytes=lengths, storage=st.sampled_from(STORAGE), data=st.data())
def test_storage_and_letter_case_change_nothing(
    envelope: Envelope, plaintext_bytes: int, storage: str, data: st.DataObject
) -> None:
    """In either place, in any letter case, beside any other metadata, the envelope is the same."""
    form = stored_form(envelope, plaintext_bytes, storage)
    metadata = data.draw(respelt({**form.metadata, "owner": "x"}))
    assert wants_instruction_file(metadata) == (storage == "instruction-file")
    instruction = form.instruction
    if instruction is not None:
        assert instruction.isascii()
        instruction = json.dumps(data.draw(respelt(json.loads(instruction)))).encode()
    assert read_envelope(metadata, (), instruction) == as_read(envelope, plaintext_bytes)


@no_deadline
@given(envelope=envelopes(), data=st.data(), storage=st.sampled_from(STORAGE))
def test_a_lost_field_is_refused_or_changes_nothing_that_matters(
    envelope: Envelope, data: st.DataObject, storage: str
) -> None:
    """Without any one field an object is refused, or is the same but for what may be missing."""
    form = stored_form(envelope, 5, storage)
    on_object, in_file = dict(form.metadata), json.loads(form.instruction or b"{}")
    lost = data.draw(st.sampled_from([*on_object, *in_file]))
    on_object.pop(lost, None)
    in_file.pop(lost, None)
    instruction = json.dumps(in_file).encode() if form.instruction is not None else None
    try:
        read = read_envelope(on_object, (), instruction)
    except EnvelopeError as error:
        check(error)
        return
    assert lost in ("x-amz-matdesc", "x-amz-m", "x-amz-tag-len", "x-amz-unencrypted-content-length")
    assert read is not None
    kept = replace(read, materials_description=None, claimed_length=None)
    assert kept == replace(envelope, materials_description=None)


def _encoded_word(text: str) -> str:
    return "=?UTF-8?B?" + base64.b64encode(text.encode("utf-8", "surrogatepass")).decode() + "?="


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
hostile_values = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=70).map(lambda data: base64.b64encode(data).decode()),
    st.sampled_from(["115", "12", "02", "22", "128", "kms", "kms+context", "AES/GCM", "AES/GCM/NoPadding", "{}", ""]),
    maps.map(encode_map),
    json_values.map(json.dumps),
    st.text(max_size=20).map(_encoded_word),
    st.sampled_from(["[", '{"a":', "=?UTF-8?Q?=", "é", "\\"]).map(lambda piece: piece * 5000),
)
hostile_metadata = st.dictionaries(st.sampled_from([*NAMES, *(name.upper() for name in NAMES)]), hostile_values)


def read_or_refused(metadata: Mapping[str, str], instruction: bytes | None) -> None:
    """Read it; the only other outcome is one error with all that a message needs."""
    wants_instruction_file(metadata)
    try:
        read_envelope(metadata, (), instruction)
    except EnvelopeError as error:
        check(error)


hostile_files = st.none() | st.binary(max_size=200) | hostile_metadata.map(lambda fields: json.dumps(fields).encode())


@no_deadline
@given(metadata=hostile_metadata, instruction=hostile_files)
def test_any_metadata_is_read_or_refused(metadata: Mapping[str, str], instruction: bytes | None) -> None:
    """Whatever somebody stored, it is an envelope, none, or an EnvelopeError."""
    read_or_refused(metadata, instruction)


@no_deadline
@given(
    envelope=envelopes(),
    storage=st.sampled_from(STORAGE),
    changes=hostile_metadata,
    in_file=st.dictionaries(st.sampled_from(NAMES), json_values | hostile_values, max_size=2),
)
def test_any_change_of_an_envelope_is_read_or_refused(
    envelope: Envelope, storage: str, changes: Mapping[str, str], in_file: Mapping[str, Any]
) -> None:
    """The same for envelopes that were right before somebody changed them."""
    form = stored_form(envelope, 5, storage)
    instruction = None
    if form.instruction is not None:
        instruction = json.dumps({**json.loads(form.instruction), **in_file}).encode()
    read_or_refused({**form.metadata, **dict(list(changes.items())[:2])}, instruction)


@no_deadline
@given(envelope=envelopes(), data=st.data())
def test_any_flipped_byte_of_an_instruction_file_is_read_or_refused(envelope: Envelope, data: st.DataObject) -> None:
    """Bytes cut out, put in or changed anywhere."""
    form = stored_form(envelope, 5, "instruction-file")
    assert form.instruction is not None
    begin = data.draw(st.integers(0, len(form.instruction)))
    end = data.draw(st.integers(begin, min(begin + 4, len(form.instruction))))
    put = data.draw(st.binary(max_size=4))
    read_or_refused(form.metadata, form.instruction[:begin] + put + form.instruction[end:])


@no_deadline
@given(body=st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_parsed_or_refused(body: bytes) -> None:
    """What is parsed holds strings under names in lower case, none of them empty."""
    with suppress(EnvelopeError):
        for name, value in parse_instruction_file(body).items():
            assert isinstance(value, str)
            assert value
            assert name == name.lower()


@no_deadline
@given(entries=maps, cut=st.integers(1, 30), escaped=st.booleans())
def test_any_map_survives_the_double_encoding(entries: dict[str, str], cut: int, escaped: bool) -> None:
    """What S3 makes of a map, in words of any length, is undone."""
    text = json.dumps(entries, ensure_ascii=escaped)
    sent_back = text.encode().decode("latin-1")
    pieces = [sent_back[at : at + cut] for at in range(0, len(sent_back), cut)]
    header = " ".join(_encoded_word(piece) for piece in pieces)
    assert decode_map("x-amz-matdesc", decode_header("x-amz-matdesc", header)) == entries
    assert decode_map("x-amz-matdesc", decode_header("x-amz-matdesc", sent_back)) == entries


@no_deadline
@given(text=st.text(max_size=80) | st.lists(hostile_values, max_size=3).map(" ".join))
def test_any_header_is_decoded_or_refused(text: str) -> None:
    """A decoder for hostile text has two outcomes."""
    with suppress(EnvelopeError):
        decode_header("x-amz-t", text).encode()
