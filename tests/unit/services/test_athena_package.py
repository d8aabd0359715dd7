"""What ``from s3cse.services import athena`` gives."""

from __future__ import annotations

from types import ModuleType

import pytest

from s3cse.services import athena


def test_every_name_is_there_and_stays() -> None:
    """Each public name is a function or class, also after its module has been imported."""
    for _ in range(2):
        for name in athena.__all__:
            assert not isinstance(getattr(athena, name), ModuleType), name
    with pytest.raises(AttributeError, match="nothing"):
        _ = athena.nothing
