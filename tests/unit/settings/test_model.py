"""Variables in values are replaced as Hadoop replaces them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cse.errors import SettingsError
from s3cse.settings.model import Origin, Properties, Property


def properties(environment: dict[str, str] | None = None, **values: str) -> Properties:
    """Return settings; names have ``_`` for dots."""
    return Properties(
        [Property(name.replace("_", "."), value, Origin("test", name)) for name, value in values.items()],
        environment or {},
    )


def value(found: Properties, name: str = "a") -> str:
    """Return a setting's value."""
    answer = found.get(name)
    assert answer is not None
    return answer.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("  spaced\n", "spaced"),
        ("${b}", "1"),
        ("<${b}${b}>", "<11>"),
        ("${c}", "see 1"),
        ("${unknown}", "${unknown}"),
        ("${unknown} ${b}", "${unknown} ${b}"),
        ("${a}", "${a}"),
        ("x${a}", "x${a}"),
        ("${not a name} $b ${}", "${not a name} $b ${}"),
        ("${env.HOME}", "/root"),
        ("${env.EMPTY}", ""),
        ("${env.NOPE}", "${env.NOPE}"),
        ("${env.NOPE-x}", "x"),
        ("${env.EMPTY-x}", ""),
        ("${env.EMPTY:-x}", "x"),
        ("${env.HOME:-x}", "/root"),
        ("${env.}", "${env.}"),
    ],
)
def test_replacement(text: str, expected: str) -> None:
    """Names of settings and of the environment's variables; what is unknown ends the replacing and stays."""
    found = properties({"HOME": "/root", "EMPTY": ""}, a=text, b="1", c="see ${b}")
    assert value(found) == expected


def test_circle_is_an_error() -> None:
    """Settings that refer to each other have no value, as in Hadoop."""
    with pytest.raises(SettingsError, match="refers to others too many times"):
        properties(a="x${b}", b="${a}").get("a")


def test_too_deep_is_an_error() -> None:
    """More than twenty replacements are refused, naming the setting."""
    chain = {f"v{number}": f"${{v{number + 1}}}" for number in range(30)}
    with pytest.raises(SettingsError, match="refers to others too many times"):
        properties(a="${v0}", **chain).get("a")


def test_nothing_shows_values() -> None:
    """Among a cluster's settings there are secrets."""
    found = properties(a="secret")
    assert "secret" not in repr(found)
    assert "secret" not in repr(found.get("a"))
    assert found.get("b") is None
    assert list(found) == ["a"]


@given(st.dictionaries(st.sampled_from("abcde"), st.text(alphabet="abcde${}x ", max_size=12), min_size=1))
def test_always_ends(values: dict[str, str]) -> None:
    """Whatever the values refer to, looking one up ends, with a text or with the error that says too many."""
    found = properties(**values)
    for name in values:
        try:
            assert isinstance(value(found, name), str)
        except SettingsError as error:
            assert "too many times" in str(error)  # noqa: PT017 - either way is right
