"""Hadoop's files are read as Hadoop reads them, and what is broken or dangerous is one clear error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3cse.errors import SettingsError
from s3cse.settings.hadoop_xml import declared_in, merge

XI = 'xmlns:xi="http://www.w3.org/2001/XInclude"'


def write(folder: Path, body: str, name: str = "core-site.xml", attributes: str = "") -> Path:
    """Write a configuration file."""
    path = folder / name
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<configuration {attributes}>{body}</configuration>')
    return path


def prop(name: str, value: str, more: str = "") -> str:
    """Return a property."""
    return f"<property><name>{name}</name><value>{value}</value>{more}</property>"


def values(*files: Path) -> dict[str, str]:
    """Return what counts of these files."""
    return {found.name: found.value for found in merge(files)}


def test_elements_and_attributes(tmp_path: Path) -> None:
    """Names are trimmed, values are not yet; attributes mean the same; comments and descriptions are nothing."""
    path = write(
        tmp_path,
        "<!-- x -->\n<property>\n <name> a </name>\n <value> 1 </value><description>d</description></property>"
        '<property name="b" value="2"/><property><value>lost</value></property>'
        "<property><name>c</name><value><![CDATA[<&>]]></value></property><other/>"
        f"<configuration>{prop('d', '4')}</configuration>",
    )
    assert values(path) == {"a": " 1 ", "b": "2", "c": "<&>", "d": "4"}
    assert next(str(declared.origin) for declared in declared_in(path)) == f"{path}: a"


def test_later_counts_but_for_what_is_final(tmp_path: Path) -> None:
    """The last one wins, in one file and over several; a final one is not overridden; an empty value sets nothing."""
    final = "<final>true</final>"
    one = write(
        tmp_path, prop("a", "1") + prop("a", "2") + prop("b", "1", final) + prop("b", "2") + prop("c", "1"), "1"
    )
    two = write(tmp_path, prop("a", "3") + prop("b", "3") + prop("c", "") + prop("d", "", final), "2")
    three = write(tmp_path, prop("d", "4"), "3")
    assert values(one, two, three) == {"a": "3", "b": "1", "c": "1"}


def test_includes(tmp_path: Path) -> None:
    """A file's include is read in its place, relative to it, by path or by file address; its settings name it."""
    (tmp_path / "inner").mkdir()
    leaf = write(tmp_path / "inner", prop("a", "leaf") + prop("b", "leaf"), "leaf site.xml")
    write(tmp_path / "inner", '<xi:include href="leaf site.xml"/>' + prop("b", "middle"), "middle.xml", XI)
    address = leaf.as_uri()
    top = write(
        tmp_path,
        prop("a", "top") + f'<xi:include href="inner/middle.xml"/><xi:include href="{address}"/>' + prop("c", "top"),
        attributes=XI,
    )
    assert values(top) == {"a": "leaf", "b": "leaf", "c": "top"}
    assert {found.name: found.origin.source for found in merge([top])} == {
        "a": str(leaf),
        "b": str(leaf),
        "c": str(top),
    }


def test_fallback(tmp_path: Path) -> None:
    """What an include falls back to counts only where its file is not there."""
    write(tmp_path, prop("a", "file"), "there.xml")
    fallback = f"<xi:fallback>{prop('a', 'fallback')}</xi:fallback>"
    there = write(tmp_path, f'<xi:include href="there.xml">{fallback}</xi:include>', "1", XI)
    missing = write(tmp_path, f'<xi:include href="nope.xml">{fallback}</xi:include>', "2", XI)
    assert values(there) == {"a": "file"}
    assert values(missing) == {"a": "fallback"}


@pytest.mark.parametrize("address", ["nope.xml", "", "http://example.com/x.xml", "file://host/x.xml", "."])
def test_include_that_cannot_be_had(tmp_path: Path, address: str) -> None:
    """Nothing is fetched over a network, and a missing file without a fallback is an error that names both."""
    path = write(tmp_path, f'<xi:include href="{address}"/>', attributes=XI)
    with pytest.raises(SettingsError, match="includes one that cannot be had") as caught:
        values(path)
    assert str(path) in str(caught.value)
    assert repr(address) in str(caught.value)


def test_circle_of_includes(tmp_path: Path) -> None:
    """Files that include one another are an error, not an endless loop."""
    write(tmp_path, '<xi:include href="two.xml"/>', "one.xml", XI)
    write(tmp_path, '<xi:include href="./one.xml"/>', "two.xml", XI)
    with pytest.raises(SettingsError, match="include one another"):
        values(tmp_path / "one.xml")


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><configuration><property><name>x</name><value>&c;</value></property>
</configuration>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]><configuration>
<property><name>x</name><value>&secret;</value></property></configuration>"""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (BOMB.encode(), "XML entities"),
        (EXTERNAL.encode(), "XML entities"),
        (b"", "no Hadoop configuration"),
        (b"<configuration><property>", "no Hadoop configuration"),
        (b"<configuration>&nbsp;</configuration>", "no Hadoop configuration"),
        (b"<settings/>", "the element <settings>"),
        (b'{"fs.s3.cse.enabled": true}', "no Hadoop configuration"),
        (b"\xff\xfe\x00", "no Hadoop configuration"),
        (b'<?xml version="1.0" encoding="no-such"?><configuration/>', "no Hadoop configuration"),
        (b"<configuration>" * 20_000 + b"</configuration>" * 20_000, "in one another without end"),
        (b"<configuration>" + b" " * (16 << 20) + b"</configuration>", "more than 16 MiB"),
    ],
    ids=[
        "bomb",
        "external entity",
        "empty",
        "cut",
        "entity",
        "other XML",
        "JSON",
        "binary",
        "encoding",
        "deep",
        "huge",
    ],
)
def test_broken_file(tmp_path: Path, data: bytes, words: str) -> None:
    """One error that names the file; no entity is expanded, and nothing of another file is shown."""
    path = tmp_path / "core-site.xml"
    path.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        values(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "root:" not in str(caught.value)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not read is an error, as its settings would be missed."""
    path = write(tmp_path, prop("a", "1"))
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything: refuse as the system would

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match=r"cannot be read.*core-site\.xml: Permission denied"):
        values(path)


_NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=9
)
_VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_NAMES, _VALUES, max_size=6))
def test_what_is_written_is_read(tmp_path: Path, given_values: dict[str, str]) -> None:
    """Any settings survive, whatever letters their values have."""
    from xml.sax.saxutils import escape

    path = write(tmp_path, "".join(prop(escape(name), escape(value)) for name, value in given_values.items()))
    assert values(path) == given_values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_one_error(tmp_path: Path, data: bytes) -> None:
    """No file brings anything but settings or a SettingsError."""
    path = tmp_path / "core-site.xml"
    path.write_bytes(data)
    try:
        values(path)
    except SettingsError as error:
        assert str(path) in str(error)  # noqa: PT017 - either way is right
