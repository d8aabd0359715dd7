"""Words of the command line as places, and keys as names of local files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cse.cli.work.places import local_target, object_name, parse_place
from s3cse.errors import SettingsError
from s3cse.storage.port import Location

ROOT = Path("/target/folder")


@given(
    st.lists(st.sampled_from(["..", ".", "", "a", "\u00fc b", "...", "-", "x\0"]), min_size=1).map("/".join) | st.text()
)
def test_no_key_leaves_the_folder(relative: str) -> None:
    """Whatever a key says, its file is below the folder, or it is refused."""
    try:
        path = local_target(ROOT, relative)
    except SettingsError:
        return
    assert path.is_relative_to(ROOT)
    assert path != ROOT
    assert ".." not in path.parts
    assert str(path) == f"{ROOT}/{relative}"


@pytest.mark.parametrize("relative", ["a/b", "-x", "...", "a b", "\u4e16/\u754c", "a\nb"])
def test_names_that_are_fine(relative: str) -> None:
    """They keep every character."""
    assert local_target(ROOT, relative) == ROOT / relative


def test_places() -> None:
    """An address, a path, the pipe; another scheme is refused, as is nothing."""
    assert parse_place("s3a://b/k/x") == Location("b", "k/x")
    assert (parse_place("./s3/x"), parse_place("-")) == ("./s3/x", "-")
    for text in ("", "gs://b/k"):
        with pytest.raises(SettingsError):
            parse_place(text)
    with pytest.raises(SettingsError, match="a folder or a bucket"):
        object_name(Location("b", "k/"))
