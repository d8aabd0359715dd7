"""The words of options: how each is written, and what its value is read as. Errors name the option."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping

from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KINDS
from s3cse.message.limits import DEFAULT_MAX_PIECE_BYTES
from s3cse.storage.port import Location
from s3cse.wording import Option, Worded

#: One object encrypted with GCM ends at 64 GiB - 32 bytes, whatever the last row group adds.
_MOST_FILE_BYTES = 32 << 30
_SERVER_SIDE = ("AES256", "aws:kms", "aws:kms:dsse")
_TABLE_INTEGRITY = ("strict", "verify-indexed", "none")
#: How the options are written in documents and messages, by their name in lower case.
SPELLING = {
    name.lower(): name
    for name in (
        "keyring",
        "kmsKeyId",
        "kmsRegion",
        "kmsAccounts",
        "kmsRegions",
        "keyFile",
        "keyEnv",
        "provider",
        "keyNamespace",
        "keyName",
        "customerKeys",
        "region",
        "endpointUrl",
        "kmsEndpointUrl",
        "profile",
        "storage",
        "frameBytes",
        "sse",
        "sseKmsKeyId",
        "integrity",
        "legacy",
        "commitment",
        "plaintext",
        "context",
        "columns",
        "filter",
        "partitionBy",
        "schemaMode",
        "compression",
        "maxRecordsPerFile",
        "rowGroupBytes",
        "fileBytes",
        "partitionOverwrite",
        "splitBytes",
        "parallelism",
        "rowCounts",
        "report",
        "clusterSettings",
        "registerAs",
        "glueEndpointUrl",
    )
}


def _wrong(name: str, what: str) -> Worded:
    return Worded("option {} {}", Option(SPELLING[name]), what)


def read_text(name: str, value: str) -> str:
    """Read a text that is not empty."""
    if not value.strip():
        raise SettingsError(_wrong(name, "is empty"))
    return value.strip()


def read_names(name: str, value: str) -> tuple[str, ...]:
    """Read a list of names: a JSON array, or names with commas between."""
    if value.lstrip().startswith("["):
        try:
            names = json.loads(value)
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise SettingsError(_wrong(name, "is no JSON array of names"), found=repr(value))
    else:
        names = [item.strip() for item in value.split(",")]
    if not all(names) or len(set(names)) != len(names):
        raise SettingsError(_wrong(name, "has an empty or repeated name"), found=repr(value))
    return tuple(names)


def read_context(name: str, value: str) -> dict[str, str]:
    """Read a JSON map of strings."""
    try:
        context = json.loads(value)
    except ValueError:
        context = None
    if not isinstance(context, dict) or not all(isinstance(text, str) for text in context.values()):
        raise SettingsError(_wrong(name, "is no JSON map of strings"), expected='{"team": "flights"}')
    return context


def read_size(name: str, value: str) -> int:
    """Read a number of bytes, with an optional k, m or g (binary)."""
    text = value.strip().lower().removesuffix("b")
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    if not digits.isdigit() or int(digits) == 0:
        raise SettingsError(_wrong(name, "is no size"), found=repr(value), expected="bytes, or like 64m")
    return int(digits) * factor


def read_file_size(name: str, value: str) -> int:
    """Read a size that one object can have."""
    size = read_size(name, value)
    if size > _MOST_FILE_BYTES:
        raise SettingsError(_wrong(name, "is too large"), found=repr(value), expected="32g at most")
    return size


def read_frame_size(name: str, value: str) -> int:
    """Read the length of a message's frames."""
    size = read_size(name, value)
    if size > DEFAULT_MAX_PIECE_BYTES:
        raise SettingsError(
            _wrong(name, "is too large"),
            found=repr(value),
            expected=f"{DEFAULT_MAX_PIECE_BYTES >> 20}m at most: a reader holds a whole frame in memory",
        )
    return size


def read_row_limit(name: str, value: str) -> int | None:
    """Read a number of rows; 0 and less mean no limit, as for Spark's own files."""
    try:
        rows = int(value)
    except ValueError:
        raise SettingsError(
            _wrong(name, "is no number of rows"), found=repr(value), expected="a number, 0 for no limit"
        ) from None
    return rows if rows > 0 else None


def read_count(name: str, value: str) -> int:
    """Read a number of tasks."""
    if not value.strip().isdigit() or int(value) == 0:
        raise SettingsError(_wrong(name, "is no number of tasks"), found=repr(value), expected="1 or more")
    return int(value)


def read_flag(name: str, value: str) -> bool:
    """Read true or false."""
    return choice("true", "false")(name, value) == "true"


def read_folder(name: str, value: str) -> Location:
    """Read the address of a folder."""
    location = Location.parse(read_text(name, value))
    return Location(location.bucket, location.key.strip("/"))


def read_server_side(name: str, value: str) -> str:
    """Read how S3 itself is to encrypt what is stored; S3's own words, of which one has capitals."""
    spelled = {word.lower(): word for word in _SERVER_SIDE}
    return spelled[choice(*spelled)(name, value)]


def choice(*allowed: str) -> Callable[[str, str], str]:
    """Return what reads one of these values, in any case."""

    def parse(name: str, value: str) -> str:
        if value.lower() not in allowed:
            raise SettingsError(_wrong(name, "has no such value"), found=repr(value), expected=" | ".join(allowed))
        return value.lower()

    return parse


def read_table_integrity(name: str, value: str) -> str:
    """Read the integrity that a table's files can have."""
    if value.lower() == "stream":
        raise SettingsError(
            Worded(
                "{} is for whole objects that are read from begin to end; a table's files are not",
                Option("integrity", "stream"),
            ),
            expected=" | ".join(_TABLE_INTEGRITY),
        )
    return choice(*_TABLE_INTEGRITY)(name, value)


def read_keyring(name: str, value: str) -> str:
    """Read the kind of a keyring that options can describe."""
    if value.lower() == "pkcs11":
        raise SettingsError(
            Worded("{} needs more than options can say", Option("keyring", "pkcs11")),
            found=repr(value),
            expected=" | ".join(KINDS),
            fix=Worded("use {} with a class that returns a Pkcs11Keyring", Option("keyring", "provider")),
        )
    return choice(*KINDS)(name, value)


def refuse_unknown(
    given: Mapping[str, str], known: Collection[str], *, prefix: str = "", spelling: Mapping[str, str] = SPELLING
) -> None:
    """Refuse a name that is no option here, and say which one is nearest.

    Args:
        given: options by name, in any case.
        known: names in lower case.
        prefix: what stands before the name where it was given.
        spelling: known names as users write them, by those in lower case; what it has not is known, but not shown.

    Raises:
        SettingsError: there is no such option.
    """
    spelled = {name: spelling[name] for name in known if name in spelling}
    for name in given:
        if name.lower() not in known:
            near = difflib.get_close_matches(name.lower(), spelled, n=1)
            raise SettingsError(
                f"no such option: {prefix + name!r}",
                expected=", ".join(sorted(spelled.values())),
                fix=f"did you mean {prefix}{spelled[near[0]]}?" if near else None,
            )
