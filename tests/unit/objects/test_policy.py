"""What a caller allows: every word against every kind of object."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.errors import PolicyError, SettingsError
from s3cse.objects.policy import COMMITMENT, INTEGRITY, LEGACY, PLAINTEXT, Policy


def envelope(algorithm: ContentAlgorithm, wrap: str, version: Format = Format.V2) -> Envelope:
    return Envelope(version, algorithm, wrap, b"x", bytes(algorithm.iv_bytes), None)


GCM_NEW = envelope(ContentAlgorithm.AES_GCM, "kms+context")
GCM_OLD = envelope(ContentAlgorithm.AES_GCM, "kms")
CBC_OLD = envelope(ContentAlgorithm.AES_CBC, "kms")
V3 = envelope(ContentAlgorithm.AES_GCM, "12", Format.V3)

CASES = [
    ({}, GCM_NEW, None),
    ({}, V3, None),
    ({}, GCM_OLD, "legacy=wraps"),
    ({}, CBC_OLD, "legacy=allow"),
    ({}, None, "plaintext=pass"),
    ({"legacy": "wraps"}, GCM_OLD, None),
    ({"legacy": "wraps"}, CBC_OLD, "legacy=allow"),
    ({"legacy": "allow"}, CBC_OLD, None),
    ({"legacy": "allow"}, GCM_OLD, None),
    ({"legacy": "allow"}, None, "plaintext=pass"),
    ({"commitment": "require"}, GCM_NEW, "commitment=allow"),
    ({"commitment": "require", "legacy": "allow"}, CBC_OLD, "commitment=allow"),
    ({"commitment": "require"}, V3, None),
    ({"plaintext": "pass"}, None, None),
    ({"plaintext": "pass"}, CBC_OLD, "legacy=allow"),
]


@pytest.mark.parametrize(("words", "found", "remedy"), CASES)
def test_rules(words: dict[str, str], found: Envelope | None, remedy: str | None) -> None:
    """Each refusal says what was found, what was expected, and which word would allow it."""
    if remedy is None:
        Policy(**words).check(found)
        return
    with pytest.raises(PolicyError, match=remedy) as caught:
        Policy(**words).check(found)
    assert None not in (caught.value.found, caught.value.expected, caught.value.fix)


def test_defaults_are_the_strict_choices() -> None:
    """Who says nothing gets the strict rules."""
    assert Policy() == Policy(integrity="strict", legacy="refuse", commitment="allow", plaintext="refuse")


@pytest.mark.parametrize("name", ["integrity", "legacy", "commitment", "plaintext"])
@pytest.mark.parametrize("value", ["", "Strict", "yes", None, True])
def test_other_words_are_refused(name: str, value: Any) -> None:
    """A misspelt rule is an error and never a lax rule."""
    with pytest.raises(SettingsError, match=f"{name} has no such value; found .*; expected .* \\| "):
        Policy(**{name: value})


@pytest.mark.parametrize(
    ("name", "words"),
    [("integrity", INTEGRITY), ("legacy", LEGACY), ("commitment", COMMITMENT), ("plaintext", PLAINTEXT)],
)
def test_all_listed_words_work_and_travel(name: str, words: tuple[str, ...]) -> None:
    """Every documented word is accepted and survives pickling: the policy travels with the job."""
    for word in words:
        policy = Policy(**{name: word})
        assert pickle.loads(pickle.dumps(policy)) == policy


def test_rules_are_keywords() -> None:
    """Nobody passes a rule by position."""
    with pytest.raises(TypeError):
        Policy("strict")  # type: ignore[misc]
