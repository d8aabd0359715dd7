"""Where raw keys are kept: an environment variable, a file, or an object in S3 (as EMR's sample provider keeps them).

They are fetched where the keyring is made, on executors too. No message shows any of a key.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from s3cse.errors import SettingsError
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client
from s3cse.wording import Option, Worded

_KEY_BYTES = 1 << 16  # no key is longer; a data file named by mistake is not read into memory
_S3 = ("s3", "s3a", "s3n")
#: The options that name them, for messages.
KEY_PLACES = KEY_FILE, KEY_ENV = Option("keyFile"), Option("keyEnv")


def raw_key(key_file: str | None, key_env: str | None, region: str | None = None) -> bytes:
    """Return what a key's place holds.

    Args:
        key_file: a path, ``file:///path`` or ``s3://bucket/key``.
        key_env: an environment variable's name, looked at first.
        region: of the bucket; None: as boto3 finds it.

    Raises:
        SettingsError: there is nothing, or it cannot be read.
        TransferError: S3 refused.
    """
    if key_env is not None:
        return _from_environment(key_env)
    place = key_file or ""
    scheme = urlsplit(place).scheme.lower() if "://" in place else ""
    if scheme in _S3:
        return _from_s3(Location.parse(place), region)
    if scheme not in ("", "file"):
        raise SettingsError(
            Worded("{} names a place that keys are not read from", KEY_FILE),
            found=repr(place),
            expected="a path, file:///path or s3://bucket/key",
            fix="copy the key there",
        )
    return _from_file(unquote(urlsplit(place).path) if scheme else place)


def _from_environment(name: str) -> bytes:
    text = os.environ.get(name)
    if not text:
        raise SettingsError(
            Worded("the environment variable that {} names is empty or not there", KEY_ENV),
            found=name,
            expected="a key",
            fix="set it on the driver and on every executor",
        )
    return text.encode()


def _from_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_KEY_BYTES)
    except OSError as error:
        raise SettingsError(
            Worded("the file that {} names cannot be read", KEY_FILE),
            found=f"{path}: {error.strerror}",
            expected="a key, on the driver and on every executor",
        ) from error


def _from_s3(place: Location, region: str | None) -> bytes:
    store = S3Store(s3_client(region))
    found = store.head(place)
    if found is None:
        raise SettingsError(
            Worded("the object that {} names is not there", KEY_FILE),
            found=place.uri,
            fix="check the address, and who may read it",
        )
    key = bytearray(min(found.size, _KEY_BYTES))
    if key:
        store.get_into(place, 0, key, found.etag)
    return bytes(key)
