"""Key commitment: the published answers, and nothing but the right lengths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s3cse.crypto.commitment import COMMITMENT_BYTES, MESSAGE_ID_BYTES, derive
from s3cse.crypto.secret import Secret

VECTORS = Path(__file__).parents[2] / "vectors" / "s3ec" / "s3ec_kat.json"
CASES: list[dict[str, str]] = json.loads(VECTORS.read_text())["kdf"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_known_answers(case: dict[str, str]) -> None:
    """Key and commitment are those of the official clients (FORMATS.md section 22)."""
    derived = derive(Secret(bytes.fromhex(case["data_key"])), bytes.fromhex(case["message_id"]))
    assert bytes(derived.content_key.view()).hex() == case["derived_key"]
    assert derived.commitment.hex() == case["commitment"]


def test_all_four_are_there() -> None:
    """None gets lost, and all are of suite 0x0073."""
    assert [case["suite_id"] for case in CASES] == [0x73] * 4


def test_key_and_message_id_both_matter() -> None:
    """One other bit in either gives another key and another commitment."""
    key, message_id = bytes(31) + b"\x01", bytes(27) + b"\x01"
    derived = [derive(Secret(k), i) for k, i in ((key, message_id), (bytes(32), message_id), (key, bytes(28)))]
    assert len({bytes(one.content_key.view()) for one in derived}) == 3
    assert len({one.commitment for one in derived}) == 3
    assert {len(one.commitment) for one in derived} == {COMMITMENT_BYTES}


@pytest.mark.parametrize(("key", "message_id"), [(16, 28), (24, 28), (31, 28), (33, 28), (32, 0), (32, 27), (32, 29)])
def test_other_lengths_are_refused(key: int, message_id: int) -> None:
    """Neither a short key nor a short salt is stretched."""
    with pytest.raises(ValueError, match=f"a message id {MESSAGE_ID_BYTES}"):
        derive(Secret(bytes(key)), bytes(message_id))


def test_no_key_in_the_repr() -> None:
    """A derived key may be printed without harm."""
    derived = derive(Secret(bytes(32)), bytes(28))
    assert bytes(derived.content_key.view()).hex() not in repr(derived)
    assert str(bytes(derived.content_key.view())) not in repr(derived)
