"""docs/sse-c.md: what it shows is run, and its numbers are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import s3cse.local
from s3cse.keyrings import DerivedCustomerKeys
from s3cse.storage.port import Location

PAGE = (Path(__file__).parents[3] / "docs" / "sse-c.md").read_text("utf-8")


def test_client(
    servers: s3cse.local.Servers,
    lake_bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The client of the page puts an object, and a range of it comes back."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrapping.key").write_bytes(bytes(range(32)))
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], {})
    assert capsys.readouterr().out == "b'Hell'\n"


def test_derivation() -> None:
    """The page's example is what the code derives."""
    uri, key = re.findall(r"object `(.*?)`: key `(.*?)`", PAGE)[0]
    derived = DerivedCustomerKeys(bytes(range(32))).customer_key(Location.parse(uri))
    assert bytes(derived.view()).hex() == key
