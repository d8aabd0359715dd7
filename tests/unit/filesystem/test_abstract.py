"""fsspec's own tests of filesystems: copy, get, put, open and pipe, on the real S3 server.

SeaweedFS has folders, as S3 has not, and lists one for some seconds after the last object in it is gone; these tests
look at once. So ``ls`` here leaves out folders without anything in them.
"""

from __future__ import annotations

from typing import Any

import pytest
from fsspec.tests import abstract
from objects.fakes import KEY, FakeKms

from s3cse.filesystem import S3cseFileSystem
from s3cse.keyrings import KmsKeyring


class OnS3(S3cseFileSystem):
    """Sees SeaweedFS as S3."""

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        rows = super().ls(path, True)
        there = [row for row in rows if row["type"] == "file" or self.isdir(row["name"])]
        if rows and not there:
            raise FileNotFoundError(path)
        return there if detail else [row["name"] for row in there]


class Fixtures(abstract.AbstractFixtures):
    """What fsspec's tests need to know: where, and that S3 has no empty folders."""

    @pytest.fixture
    def fs(self, logged_s3: Any, kms: FakeKms) -> S3cseFileSystem:
        return OnS3(client=logged_s3, keyring=KmsKeyring(kms, KEY))

    @pytest.fixture
    def fs_path(self, root: str) -> str:
        return root

    @pytest.fixture
    def fs_join(self) -> object:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


@pytest.mark.heavy
class TestCopy(abstract.AbstractCopyTests, Fixtures):
    """fs.copy."""


class TestGet(abstract.AbstractGetTests, Fixtures):
    """fs.get."""


@pytest.mark.heavy
class TestPut(abstract.AbstractPutTests, Fixtures):
    """fs.put."""


class TestOpen(abstract.AbstractOpenTests, Fixtures):
    """fs.open."""


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    """fs.pipe."""
