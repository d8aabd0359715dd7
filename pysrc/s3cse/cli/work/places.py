"""What a word on the command line names: an S3 address, a local path, or ``-``, a pipe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from s3cse.errors import SettingsError
from s3cse.storage.port import Location

_T = TypeVar("_T")

PIPE = "-"
#: A bucket and key, a path as it was written, or the pipe.
Place = Location | str
_SEPARATOR = "://"


def parse_place(text: str) -> Place:
    """Read an S3 address, or take the text as a path.

    Raises:
        SettingsError: an S3 address that is none, or nothing at all.
    """
    if not text:
        raise SettingsError("an empty path", expected="a path, s3://bucket/key, or - for a pipe")
    if text.partition(_SEPARATOR)[1]:
        return Location.parse(text)
    return text


def shown(place: Place) -> str:
    """Return a place as messages show it."""
    return place.uri if isinstance(place, Location) else place


def in_s3(place: Location | Path | str) -> Location:
    """Return a place that is known to be in S3."""
    if not isinstance(place, Location):
        raise TypeError(f"{place} is not in S3")
    return place


def opened(end: _T | None) -> _T:
    """Return what is there because this end of the work is in S3."""
    if end is None:
        raise TypeError("this end is not in S3")
    return end


def folder_of(place: Location) -> Location:
    """Return the folder that an address means: ``a`` is not the beginning of ``ab`` where everything in it counts."""
    key = place.key
    return Location(place.bucket, key if not key or key.endswith("/") else f"{key}/")


def object_name(place: Location) -> str:
    """Return the last part of an object's key, which is its name in a folder.

    Raises:
        SettingsError: it has none: the key is a folder's.
    """
    name = place.key.rpartition("/")[2]
    if not name:
        raise SettingsError(
            "this is a folder or a bucket, not an object",
            found=place.uri,
            expected="s3://bucket/key",
            fix="give --recursive for everything in it",
        )
    return name


def local_target(folder: Path, relative: str) -> Path:
    """Return where an object's bytes go in a folder: never outside of it, whatever its key says.

    Args:
        relative: what the key has after the folder's, chosen by whoever can write to the bucket.

    Raises:
        SettingsError: a part of it is ``..``, ``.`` or empty, or no file can have this name.
    """
    parts = relative.split("/")
    if any(part in ("", os.curdir, os.pardir) or "\0" in part for part in parts):
        raise SettingsError(
            "this key cannot become the name of a local file",
            found=ascii(relative),
            expected="parts that are neither empty nor . or ..",
            fix="copy it by itself, to a name that you choose",
        )
    return folder.joinpath(*parts)
