"""Real configurations as data: each folder of cases/ has a cluster's files, and what they say of several addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s3cse.errors import SettingsError
from s3cse.settings.answers import Resolution
from s3cse.settings.files import load
from s3cse.settings.resolve import resolve

CASES = Path(__file__).parent / "cases"
#: The one secret in the cases: a key of SSE-C.
SECRET = "c2VjcmV0"


def questions() -> Iterator[Any]:
    """Yield every question with its folder."""
    for expected in sorted(CASES.glob("*/expected.json")):
        for question in json.loads(expected.read_text()):
            yield pytest.param(expected.parent, question, id=f"{expected.parent.name}: {question['why']}")


QUESTIONS = list(questions())


def ask(folder: Path, question: dict[str, Any]) -> Resolution:
    """Return the answers for a question."""
    security = folder / "security.json"
    settings = load({}, conf=[folder], security=security if security.exists() else None, hadoop=question.get("hadoop"))
    return resolve(question["uri"], settings, hadoop_version=question.get("hadoop_version"))


def short(folder: Path, text: object) -> str:
    """Return a text without the folder's own address."""
    return str(text).replace(f"{folder}/", "")


@pytest.mark.parametrize(("folder", "question"), QUESTIONS)
def test_answer(folder: Path, question: dict[str, Any]) -> None:
    """Mode, options, who said so, warnings and refusals are those of the table, no more and no less."""
    found = ask(folder, question)
    assert (None if found.mode is None else found.mode.value) == question["encryption"]
    assert (None if found.file_system is None else found.file_system.value) == question.get("file_system")
    for words in question.get("refused", ()):
        assert any(words.lower() in short(folder, error).lower() for error in found.refused), list(
            map(str, found.refused)
        )
    assert len(found.refused) == (1 if question.get("refused") else 0)
    if found.refused:
        with pytest.raises(SettingsError):
            found.options()
        return
    assert found.options() == question["options"]
    for name, origin in question.get("said_by", {}).items():
        assert short(folder, found.answers[name].origins[0]) == origin
    for expected, warning in zip(question.get("warnings", ()), found.warnings, strict=True):
        assert expected in short(folder, warning)


@pytest.mark.parametrize(("folder", "question"), QUESTIONS)
def test_answers_make_a_keyring_and_rules(folder: Path, question: dict[str, Any]) -> None:
    """What follows for the library itself is the same as for options, and every answer names who said it."""
    found = ask(folder, question)
    if found.refused or not found.answers:
        return
    options = found.options()
    assert found.keyring_settings().kind == options["keyring"]
    assert (found.profile, found.storage) == (options["profile"], options["storage"])
    assert found.policy().legacy == options.get("legacy", "refuse")
    assert all(answer.origins for answer in found.answers.values())


@pytest.mark.parametrize(("folder", "question"), QUESTIONS)
def test_no_secret_shows(folder: Path, question: dict[str, Any]) -> None:
    """A key of SSE-C stands where a KMS key's name does: nothing that is printed or travels has it."""
    found = ask(folder, question)
    assert SECRET not in repr(found)
    assert SECRET not in repr(load({}, conf=[folder]))
