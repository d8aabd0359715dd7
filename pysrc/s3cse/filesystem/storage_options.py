"""What users give as ``storage_options``: fsspec's own names, those of this filesystem, and the words of objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from s3cse.errors import SettingsError
from s3cse.keyrings import Keyring
from s3cse.options.objects import OBJECT_OPTIONS
from s3cse.options.words import SPELLING, refuse_unknown
from s3cse.settings.precedence import names_a_key

#: What fsspec itself understands of the options of any filesystem.
_OF_FSSPEC = (
    "asynchronous",
    "loop",
    "batch_size",
    "use_listings_cache",
    "listings_expiry_time",
    "max_paths",
    "skip_instance_cache",
)
_FLAGS = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageOptions:
    """What one filesystem was told.

    Args:
        words: the options of objects, as text, names in lower case.
        client: a boto3 S3 client in place of the one that options describe.
        keyring: a keyring likewise.
        exact_sizes: whether listings ask S3 for sizes that no arithmetic gives.
        remember_folders: whether a folder that was made can be listed before anything is in it.
        parquet_index: whether Parquet files that are written get a segment index.
        cache_type, block_size: of files that are opened for reading; None: what suits the object.
        spool_directory: where ciphertext waits; None: the system's temporary directory.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    client: Any = None
    keyring: Keyring | None = None
    exact_sizes: bool = False
    remember_folders: bool = False
    parquet_index: bool = False
    cache_type: str | None = None
    block_size: int | None = None
    spool_directory: str | None = None


#: Names of this filesystem's own options, in lower case: the field; and, for the message about a wrong one, its type.
_OWN: Mapping[str, tuple[str, type]] = {
    "exactsizes": ("exact_sizes", bool),
    "rememberfolders": ("remember_folders", bool),
    "parquetindex": ("parquet_index", bool),
    "default_cache_type": ("cache_type", str),
    "default_block_size": ("block_size", int),
    "spooldirectory": ("spool_directory", str),
}
_SPELLING = {**SPELLING, **{n.lower(): n for n in ("exactSizes", "rememberFolders", "parquetIndex", "spoolDirectory")}}


def parse_storage_options(given: Mapping[str, Any]) -> StorageOptions:
    """Sort options by who understands them; the values of words are validated when the first bucket is known.

    Args:
        given: names in any letter case; values as text, or as Python has them (a context as a dictionary).

    Raises:
        SettingsError: an unknown option, one that comes twice, or a value of another type.
    """
    found: dict[str, Any] = {}
    words: dict[str, str] = {}
    for name, value in given.items():
        lower = name.lower()
        if lower in _OF_FSSPEC or value is None:
            continue
        if lower in words or _OWN.get(lower, ("", str))[0] in found:
            raise SettingsError(f"option {name} was given twice, in different letter case", fix="give it once")
        if lower == "client" or (lower == "keyring" and not isinstance(value, str)):
            found[lower] = value
        elif lower in _OWN:
            field_name, kind = _OWN[lower]
            found[field_name] = _own_value(name, value, kind)
        else:
            refuse_unknown({name: ""}, (*OBJECT_OPTIONS, *_OWN), spelling=_SPELLING)
            words[lower] = _as_text(name, value)
    _check_keyring(found.get("keyring"), words)
    return StorageOptions(words=words, **found)


def _own_value(name: str, value: Any, kind: type) -> Any:
    if kind is bool and isinstance(value, str) and value.lower() in _FLAGS.values():
        return value.lower() == "true"
    if isinstance(value, kind):
        return value
    raise SettingsError(f"option {name} has no such value", found=repr(value), expected=f"a {kind.__name__}")


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _FLAGS[value]
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value if isinstance(value, Mapping) else list(value))
    raise SettingsError(f"option {name} is no text", found=type(value).__name__, expected="text, or a dictionary")


def _check_keyring(keyring: object, words: Mapping[str, str]) -> None:
    if keyring is None:
        return
    if names_a_key(words):
        raise SettingsError("two keyrings were given: an object, and the options of another", fix="give one of them")
    if not callable(getattr(keyring, "unwrap", None)):
        raise SettingsError(
            "keyring is neither a word nor a keyring",
            found=type(keyring).__name__,
            expected="kms | kms-discovery | aes | rsa | provider, or an object from s3cse.keyrings",
        )
