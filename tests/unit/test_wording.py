"""Texts that name options: what they say as text, and what a user with other words is told."""

from __future__ import annotations

import pickle

from s3cse.errors import PolicyError, SettingsError
from s3cse.wording import Option, Worded, spelled

TEXT = Worded("leave {} out, or say {} with {!r}", Option("frameBytes"), Option("profile", "sse-c"), "{x}")


def shout(option: Option) -> str:
    """Spell an option in another way."""
    return f"<{option.name.upper()}|{option.value}>"


def test_as_text_options_are_those_of_documents() -> None:
    """It is a text like others; what is nobody's to change may have braces."""
    assert TEXT == "leave frameBytes out, or say profile=sse-c with '{x}'"
    assert f"{TEXT}." == "leave frameBytes out, or say profile=sse-c with '{x}'."


def test_options_are_spelled_anew() -> None:
    """And nothing else, in texts within texts too; other texts have no options."""
    assert TEXT.spelled(shout) == "leave <FRAMEBYTES|None> out, or say <PROFILE|sse-c> with '{x}'"
    both = Worded("{}: {}", "frameBytes", Worded.joined(", ", [Option("a"), Option("b"), "c"]))
    assert (both, both.spelled(shout)) == ("frameBytes: a, b, c", "frameBytes: <A|None>, <B|None>, c")
    assert spelled("frameBytes", shout) == "frameBytes"


def test_errors_are_spelled_part_by_part() -> None:
    """Problem, found, expected and fix; the object's name is escaped as ever."""
    error = SettingsError(TEXT, uri="s3://b/\x1b", found=TEXT, expected="profile=x", fix=Worded("{}", Option("a", "b")))
    other = TEXT.spelled(shout)
    assert error.spelled(shout) == rf"s3://b/\x1b: {other}; found {other}; expected profile=x. <A|b>"
    assert error.spelled(str) == str(error)


def test_they_survive_pickling() -> None:
    """An error from another process can still be spelled, and so can one that learnt its object's name."""
    error = pickle.loads(pickle.dumps(PolicyError("no", fix=TEXT)))
    text = TEXT.spelled(shout)
    assert error.at("s3://b/k").spelled(shout) == f"s3://b/k: no. L{text[1:]}"
