"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["s3cse", "s3cse.keyrings", "s3cse.message"])
def test_every_name_is_there(name: str) -> None:
    """What a package promises can be had, is listed, and is there the next time; all else is an AttributeError."""
    package = import_module(name)
    for each in package.__all__:
        assert getattr(package, each) is vars(package)[each]
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Nothing'"):
        package.Nothing  # noqa: B018
