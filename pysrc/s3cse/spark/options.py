"""The options of the data source: names, defaults, validation. Names are compared without case."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from s3cse.envelope.profiles import DEFAULT_PROFILE, PROFILE_NAMES, PROFILES, find_profile
from s3cse.envelope.stored_form import STORAGE
from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KINDS, KeyringSettings
from s3cse.objects.policy import COMMITMENT, LEGACY, PLAINTEXT, Policy
from s3cse.parquet.file_targets import FileTargets
from s3cse.services.athena.names import TableName
from s3cse.services.athena.writing import refuse_unreadable
from s3cse.settings.precedence import over_defaults
from s3cse.spark.cluster_settings import IGNORE, OPTION, USE, check_minimum, cluster_defaults
from s3cse.storage.port import Location

_MIB = 1 << 20
_CODECS = ("snappy", "zstd", "gzip", "lz4", "none")
#: What Spark itself puts among the options.
_SPARK = {"path", "paths"}
_ENVIRONMENT = "S3CSE_"
_DEFAULT_POLICY = Policy()
_DEFAULT_TARGETS = FileTargets()
_POLICY = ("integrity", "legacy", "commitment", "plaintext")
#: Options that say how large files get.
_TARGETS = ("maxrecordsperfile", "rowgroupbytes", "filebytes")
#: One object encrypted with GCM ends at 64 GiB - 32 bytes, whatever the last row group adds.
_MOST_FILE_BYTES = 32 << 30
#: Options that say which keyring; the Region is that of bucket and key.
_KEYRING = (
    "keyring", "kmskeyid", "kmsregion", "kmsaccounts", "kmsregions", "keyfile", "keyenv", "provider", "region",
    "kmsendpointurl", "context",
)  # fmt: skip
_INTEGRITY = ("strict", "verify-indexed", "none")
Use = Literal["read", "write"]
#: Options that mean nothing to the other use; in lower case, as Spark hands them over.
ONLY: Mapping[Use, tuple[str, ...]] = {
    "read": (*_POLICY, "columns", "filter", "schemamode", "splitbytes", "parallelism", "rowcounts", "report"),
    "write": (
        "profile",
        "storage",
        "partitionby",
        "compression",
        "maxrecordsperfile",
        "rowgroupbytes",
        "filebytes",
        "partitionoverwrite",
        "registeras",
        "glueendpointurl",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for, validated. Holds no secret: it travels in Spark's plan.

    ``split_bytes`` is the stored size that one read task should get; ``columns`` and ``partition_by`` are column names;
    for ``targets`` see there.
    """

    table: Location
    keyring: KeyringSettings
    region: str | None = None
    endpoint_url: str | None = None
    profile: str = DEFAULT_PROFILE
    storage: str = "metadata"
    policy: Policy = _DEFAULT_POLICY
    columns: tuple[str, ...] | None = None
    filter: str | None = None
    partition_by: tuple[str, ...] = ()
    schema_mode: str = "one"
    compression: str = "snappy"
    targets: FileTargets = _DEFAULT_TARGETS
    partition_overwrite: str = "static"
    split_bytes: int = 64 * _MIB
    parallelism: int | None = None
    row_counts: bool = False
    report: Location | None = None
    register_as: TableName | None = None
    glue_endpoint_url: str | None = None


_FIELDS = {field.name for field in fields(Options)} - {"keyring", "policy", "targets"}


def parse_options(
    given: Mapping[str, str], environment: Mapping[str, str] = os.environ, *, use: Use | None = None
) -> Options:
    """Validate the options of one read or write.

    Args:
        given: as Spark hands them over, in any case.
        environment: where an option is looked up that neither was given nor follows from the cluster's settings, as
            S3CSE_ and its name in capitals (S3CSE_KMSKEYID); and where the cluster's files are.
        use: refuse what was given and means nothing to it; the environment's defaults are for both.

    Raises:
        SettingsError: an unknown option, a bad value, no path, no key, or a cluster's settings that are wrong.
    """
    lower = {name.lower(): value for name, value in given.items()}
    refuse_unknown(lower)
    if use is not None:
        _refuse_idle(lower, use)
    found = {name: environment.get(_ENVIRONMENT + name.upper(), "") for name in _PARSERS}
    found = {name: value for name, value in found.items() if value}
    lower = over_defaults(lower, cluster_defaults(lower, _path(lower), environment))
    lower = over_defaults(lower, found)
    options = Options(**_values(lower))
    options.keyring.check()
    if options.policy.integrity != _DEFAULT_POLICY.integrity:
        check_minimum(options.policy.integrity, environment)
    if use == "write":
        _check_profile(options)
        _check_registration(options)
    return options


def _check_profile(options: Options) -> None:
    """Refuse a profile that the keyring cannot write, where the kind of its key is known."""
    kind = options.keyring.kind
    if kind in {profile.keyring for profile in PROFILES}:
        find_profile(options.profile, kind)
    elif kind == "kms-discovery":
        raise SettingsError(
            "keyring=kms-discovery can only read: it names no key", fix="write with keyring=kms and kmsKeyId"
        )


def _check_registration(options: Options) -> None:
    """Refuse a table that is to be registered and that Athena could not read."""
    if options.register_as is not None:
        refuse_unreadable(
            keyring=options.keyring.kind,
            profile=options.profile,
            storage=options.storage,
            context=options.keyring.context,
        )


def check_options(given: Mapping[str, str]) -> None:
    """Validate what was given and nothing else: the rest, perhaps the key, may still come from elsewhere.

    Raises:
        SettingsError: an unknown option, a bad value, or no path.
    """
    lower = {name.lower(): value for name, value in given.items()}
    refuse_unknown(lower)
    _values(lower)


def _values(lower: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of Options that these options set."""
    values: dict[str, Any] = {"table": _table(lower)}
    policy: dict[str, Any] = {}
    keyring: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    for name, (field, parse) in _PARSERS.items():
        if name in lower:
            value = parse(name, lower[name])
            if name in _POLICY:
                policy[name] = value
            if name in _KEYRING:
                keyring[field] = value
            if name in _TARGETS:
                targets[field] = value
            if field in _FIELDS:
                values[field] = value
    values["policy"] = Policy(**policy)
    values["keyring"] = KeyringSettings(**keyring)
    values["targets"] = FileTargets(**targets)
    return values


def _refuse_idle(lower: Mapping[str, str], use: Use) -> None:
    other: Use = "write" if use == "read" else "read"
    idle = [SPELLING[name] for name in ONLY[other] if name in lower]
    if idle:
        raise SettingsError(
            f"a {use} has no use for {', '.join(idle)}",
            expected=", ".join(sorted(spelling for name, spelling in SPELLING.items() if name not in ONLY[other])),
            fix=f"leave it out, or give it to the {other}",
        )


def refuse_unknown(given: Mapping[str, str], *, prefix: str = "") -> None:
    """Refuse a name that is no option, and say which one is nearest.

    Args:
        given: options by name, in any case.
        prefix: what stands before the name where it was given.

    Raises:
        SettingsError: there is no such option.
    """
    for name in given:
        if name.lower() not in _PARSERS and name.lower() not in _SPARK:
            near = difflib.get_close_matches(name.lower(), _PARSERS, n=1)
            raise SettingsError(
                f"no such option: {prefix + name!r}",
                expected=", ".join(sorted(SPELLING.values())),
                fix=f"did you mean {prefix}{SPELLING[near[0]]}?" if near else None,
            )


def _path(lower: Mapping[str, str]) -> str:
    path = lower.get("path")
    if path is None and "paths" in lower:
        paths = json.loads(lower["paths"])
        if len(paths) != 1:
            raise SettingsError("one read takes one path", found=f"{len(paths)} paths", fix="read each and union them")
        path = paths[0]
    if not path:
        raise SettingsError("no path was given", expected="s3://bucket/table/", fix="use .load(path) or .save(path)")
    return str(path)


def _table(lower: Mapping[str, str]) -> Location:
    location = Location.parse(_path(lower))
    return Location(location.bucket, location.key.strip("/"))


def _text(name: str, value: str) -> str:
    if not value.strip():
        raise SettingsError(f"option {SPELLING[name]} is empty")
    return value.strip()


def _names(name: str, value: str) -> tuple[str, ...]:
    """Read a list of names: a JSON array, or names with commas between."""
    if value.lstrip().startswith("["):
        try:
            names = json.loads(value)
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise SettingsError(f"option {SPELLING[name]} is no JSON array of names", found=repr(value))
    else:
        names = [item.strip() for item in value.split(",")]
    if not all(names) or len(set(names)) != len(names):
        raise SettingsError(f"option {SPELLING[name]} has an empty or repeated name", found=repr(value))
    return tuple(names)


def _context(name: str, value: str) -> dict[str, str]:
    try:
        context = json.loads(value)
    except ValueError:
        context = None
    if not isinstance(context, dict) or not all(isinstance(text, str) for text in context.values()):
        raise SettingsError(f"option {SPELLING[name]} is no JSON map of strings", expected='{"team": "flights"}')
    return context


def _size(name: str, value: str) -> int:
    """Read a number of bytes, with an optional k, m or g (binary)."""
    text = value.strip().lower().removesuffix("b")
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    if not digits.isdigit() or int(digits) == 0:
        raise SettingsError(f"option {SPELLING[name]} is no size", found=repr(value), expected="bytes, or like 64m")
    return int(digits) * factor


def _file_size(name: str, value: str) -> int:
    size = _size(name, value)
    if size > _MOST_FILE_BYTES:
        raise SettingsError(f"option {SPELLING[name]} is too large", found=repr(value), expected="32g at most")
    return size


def _row_limit(name: str, value: str) -> int | None:
    """Read a number of rows; 0 and less mean no limit, as for Spark's own files."""
    try:
        rows = int(value)
    except ValueError:
        raise SettingsError(
            f"option {SPELLING[name]} is no number of rows", found=repr(value), expected="a number, 0 for no limit"
        ) from None
    return rows if rows > 0 else None


def _count(name: str, value: str) -> int:
    if not value.strip().isdigit() or int(value) == 0:
        raise SettingsError(f"option {SPELLING[name]} is no number of tasks", found=repr(value), expected="1 or more")
    return int(value)


def _flag(name: str, value: str) -> bool:
    return _choice("true", "false")(name, value) == "true"


def _folder(name: str, value: str) -> Location:
    location = Location.parse(_text(name, value))
    return Location(location.bucket, location.key.strip("/"))


def _choice(*allowed: str) -> Callable[[str, str], str]:
    def parse(name: str, value: str) -> str:
        if value.lower() not in allowed:
            raise SettingsError(
                f"option {SPELLING[name]} has no such value", found=repr(value), expected=" | ".join(allowed)
            )
        return value.lower()

    return parse


def _integrity(name: str, value: str) -> str:
    if value.lower() == "stream":
        raise SettingsError(
            "integrity=stream is for whole objects that are read from begin to end; a table's files are not",
            expected=" | ".join(_INTEGRITY),
        )
    return _choice(*_INTEGRITY)(name, value)


def _keyring(name: str, value: str) -> str:
    if value.lower() == "pkcs11":
        raise SettingsError(
            "keyring=pkcs11 needs more than options can say",
            found=repr(value),
            expected=" | ".join(KINDS),
            fix="use keyring=provider with a class that returns a Pkcs11Keyring",
        )
    return _choice(*KINDS)(name, value)


# name in lower case: (field of Options, of its keyring or its policy; parser)
_PARSERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "keyring": ("kind", _keyring),
    "kmskeyid": ("kms_key_id", _text),
    "kmsregion": ("kms_region", _text),
    "kmsaccounts": ("kms_accounts", _names),
    "kmsregions": ("kms_regions", _names),
    "keyfile": ("key_file", _text),
    "keyenv": ("key_env", _text),
    "provider": ("provider", _text),
    "region": ("region", _text),
    "endpointurl": ("endpoint_url", _text),
    "kmsendpointurl": ("kms_endpoint_url", _text),
    "profile": ("profile", _choice(*PROFILE_NAMES)),
    "storage": ("storage", _choice(*STORAGE)),
    "integrity": ("integrity", _integrity),
    "legacy": ("legacy", _choice(*LEGACY)),
    "commitment": ("commitment", _choice(*COMMITMENT)),
    "plaintext": ("plaintext", _choice(*PLAINTEXT)),
    "context": ("context", _context),
    "columns": ("columns", _names),
    "filter": ("filter", _text),
    "partitionby": ("partition_by", _names),
    "schemamode": ("schema_mode", _choice("one", "merge")),
    "compression": ("compression", _choice(*_CODECS)),
    "maxrecordsperfile": ("rows", _row_limit),
    "rowgroupbytes": ("row_group_bytes", _file_size),
    "filebytes": ("file_bytes", _file_size),
    "partitionoverwrite": ("partition_overwrite", _choice("static", "dynamic")),
    "splitbytes": ("split_bytes", _size),
    "parallelism": ("parallelism", _count),
    "rowcounts": ("row_counts", _flag),
    "report": ("report", _folder),
    OPTION: ("cluster_settings", _choice(USE, IGNORE)),
    "registeras": ("register_as", lambda _, value: TableName.parse(value)),
    "glueendpointurl": ("glue_endpoint_url", _text),
}
#: How the options are written in documents and messages.
SPELLING = {name: name for name in _PARSERS} | {
    "kmskeyid": "kmsKeyId",
    "kmsregion": "kmsRegion",
    OPTION: "clusterSettings",
    "kmsaccounts": "kmsAccounts",
    "kmsregions": "kmsRegions",
    "endpointurl": "endpointUrl",
    "kmsendpointurl": "kmsEndpointUrl",
    "keyfile": "keyFile",
    "keyenv": "keyEnv",
    "partitionby": "partitionBy",
    "schemamode": "schemaMode",
    "maxrecordsperfile": "maxRecordsPerFile",
    "rowgroupbytes": "rowGroupBytes",
    "filebytes": "fileBytes",
    "partitionoverwrite": "partitionOverwrite",
    "splitbytes": "splitBytes",
    "rowcounts": "rowCounts",
    "registeras": "registerAs",
    "glueendpointurl": "glueEndpointUrl",
}
