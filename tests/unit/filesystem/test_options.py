"""Options, and filesystems that travel: pickles, forks, threads."""

from __future__ import annotations

import os
import pickle
from typing import Any

import fsspec
import pytest
from objects.fakes import KEY, FakeKms

from s3cse.errors import KeyringError, SettingsError
from s3cse.filesystem import S3cseFileSystem
from s3cse.filesystem.storage_options import parse_storage_options
from s3cse.keyrings import AesKeyring, KmsKeyring

from .conftest import Make


def test_fsspec_knows_the_protocol(options: dict[str, str], root: str) -> None:
    """By its entry point, whatever letter case options have; equal options are one filesystem."""
    fs = fsspec.filesystem("s3cse", **options)
    assert isinstance(fs, S3cseFileSystem)
    assert fs is fsspec.filesystem("s3cse", **options)
    fs.pipe_file(f"{root}/a", b"1")
    lower = {name.lower(): value for name, value in options.items()}
    with fsspec.open(f"s3cse://{root}/a", **lower) as file:
        assert file.read() == b"1"
    assert fsspec.core.url_to_fs(f"s3cse://{root}/a/", **options)[1] == f"{root}/a"


def test_an_unknown_option_is_refused_by_name() -> None:
    """When the filesystem is made, with the nearest name."""
    with pytest.raises(SettingsError, match="Did you mean kmsKeyId"):
        S3cseFileSystem(kmsKey="x", skip_instance_cache=True)
    with pytest.raises(SettingsError, match="Did you mean parquetIndex"):
        parse_storage_options({"parquetIndexx": True})
    with pytest.raises(SettingsError, match="exactSizes"):
        parse_storage_options({"exactSizes": "perhaps"})
    with pytest.raises(SettingsError, match="given twice"):
        parse_storage_options({"kmsKeyId": "a", "kmskeyid": "b"})
    with pytest.raises(SettingsError, match="neither a word nor a keyring"):
        parse_storage_options({"keyring": 5})
    with pytest.raises(SettingsError, match="two keyrings"):
        parse_storage_options({"keyring": AesKeyring(bytes(32)), "kmsKeyId": "a"})


def test_options_may_be_as_python_has_them() -> None:
    """A context is a dictionary, a flag is a bool; fsspec's own names pass."""
    found = parse_storage_options({"context": {"team": "flights"}, "exactSizes": True, "use_listings_cache": False})
    assert found.words == {"context": '{"team": "flights"}'}
    assert found.exact_sizes


def test_without_a_key_everything_works_that_needs_none(options: dict[str, str], root: str) -> None:
    """Listing, sizes, copying, deleting; reading says which option is missing."""
    S3cseFileSystem(**options).pipe_file(f"{root}/a", b"1234")
    fs = S3cseFileSystem()
    fs.copy(f"{root}/a", f"{root}/b")
    assert fs.du(root) == 8
    assert fs.info(f"{root}/a")["size"] == 4
    with pytest.raises(SettingsError, match="kmsKeyId"):
        fs.open(f"{root}/a")
    with pytest.raises(SettingsError, match=f"^s3://{root}/c: no key was named.*kmsKeyId"):
        fs.pipe_file(f"{root}/c", b"")
    fs.rm(root, recursive=True)


def test_keyrings_that_look_alike_are_not_one_filesystem(logged_s3: Any, root: str) -> None:
    """Two AES keys without a description: each writes with its own."""
    one, two = (S3cseFileSystem(client=logged_s3, keyring=AesKeyring(bytes([n]) * 32)) for n in (1, 2))
    assert one is not two
    assert one != two
    one.pipe_file(f"{root}/a", b"1")
    with pytest.raises(KeyringError):
        two.cat_file(f"{root}/a")


def test_options_travel_and_ready_objects_do_not(options: dict[str, str], root: str, make: Make) -> None:
    """A pickle makes its clients anew; a boto3 client or a keyring says why it cannot."""
    fs = S3cseFileSystem(**options)
    fs.pipe_file(f"{root}/a", b"1")
    again = pickle.loads(pickle.dumps(fs))
    assert again.cat_file(f"{root}/a") == b"1"
    with pytest.raises(SettingsError, match="boto3 client as a ready object"):
        pickle.dumps(make())
    with pytest.raises(SettingsError, match="keyring as a ready object"):
        pickle.dumps(S3cseFileSystem(keyring=KmsKeyring(FakeKms(), KEY)))


def test_a_filesystem_works_in_a_forked_child(options: dict[str, str], root: str) -> None:
    """It makes clients of its own there, and reads again what the parent had read."""
    fs = S3cseFileSystem(**options)
    fs.pipe_file(f"{root}/a", b"0123456789")
    assert fs.cat_file(f"{root}/a", 0, 4) == b"0123"
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, fs.cat_file(f"{root}/a", 4, 8) + fs.cat_file(f"{root}/a"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"45670123456789"
    os.close(reader)
    os.close(writer)
