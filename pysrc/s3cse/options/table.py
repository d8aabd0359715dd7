"""The options of the data source: names, defaults, validation. Names are compared without case."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from s3cse.envelope.profiles import DEFAULT_PROFILE
from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.message.limits import DEFAULT_FRAME_LENGTH
from s3cse.objects.policy import Policy
from s3cse.options.cluster_settings import check_minimum, cluster_defaults
from s3cse.options.profile_rules import check_profile, check_server_side, named_on_reads, refuse_profile_of_write
from s3cse.options.shared import POLICY, SHARED_OPTIONS, Parsers, from_environment, read_shared, read_values
from s3cse.options.words import (
    SPELLING,
    choice,
    read_count,
    read_file_size,
    read_flag,
    read_folder,
    read_names,
    read_row_limit,
    read_server_side,
    read_size,
    read_table_integrity,
    read_text,
    refuse_unknown,
)
from s3cse.parquet.file_targets import FileTargets
from s3cse.services.athena.names import TableName
from s3cse.services.athena.writing import refuse_unreadable
from s3cse.settings.precedence import over_defaults
from s3cse.storage.port import Location

_MIB = 1 << 20
_CODECS = ("snappy", "zstd", "gzip", "lz4", "none")
#: What Spark itself puts among the options.
_SPARK = {"path", "paths"}
_DEFAULT_POLICY = Policy()
_DEFAULT_TARGETS = FileTargets()
_POLICY: Parsers = {**POLICY, "integrity": ("integrity", read_table_integrity)}
#: Options that say how large files get.
_TARGETS: Parsers = {
    "maxrecordsperfile": ("rows", read_row_limit),
    "rowgroupbytes": ("row_group_bytes", read_file_size),
    "filebytes": ("file_bytes", read_file_size),
}
#: The others that objects have no use for.
_OWN: Parsers = {
    "sse": ("sse", read_server_side),
    "ssekmskeyid": ("sse_kms_key_id", read_text),
    "columns": ("columns", read_names),
    "filter": ("filter", read_text),
    "partitionby": ("partition_by", read_names),
    "schemamode": ("schema_mode", choice("one", "merge")),
    "compression": ("compression", choice(*_CODECS)),
    "partitionoverwrite": ("partition_overwrite", choice("static", "dynamic")),
    "splitbytes": ("split_bytes", read_size),
    "parallelism": ("parallelism", read_count),
    "rowcounts": ("row_counts", read_flag),
    "report": ("report", read_folder),
    "registeras": ("register_as", lambda _, value: TableName.parse(value)),
    "glueendpointurl": ("glue_endpoint_url", read_text),
}
_NAMES = SHARED_OPTIONS.union(_TARGETS, _OWN)
#: All names, in lower case.
TABLE_OPTIONS = tuple(sorted(_NAMES | _SPARK))
Use = Literal["read", "write"]
#: Options that mean nothing to the other use; in lower case, as Spark hands them over.
ONLY: Mapping[Use, tuple[str, ...]] = {
    "read": (*_POLICY, "columns", "filter", "schemamode", "splitbytes", "parallelism", "rowcounts", "report"),
    # Not profile: two of them must be named on a read, too.
    "write": (
        "storage",
        "framebytes",
        "sse",
        "ssekmskeyid",
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
    for ``targets`` see there. ``frame_bytes`` is the plaintext length of a message's frames; ``sse`` and
    ``sse_kms_key_id`` are S3's own encryption underneath, in its words.
    """

    table: Location
    keyring: KeyringSettings
    region: str | None = None
    endpoint_url: str | None = None
    profile: str = DEFAULT_PROFILE
    storage: str = "metadata"
    frame_bytes: int = DEFAULT_FRAME_LENGTH
    sse: str | None = None
    sse_kms_key_id: str | None = None
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
    refuse_unknown(lower, TABLE_OPTIONS)
    if use is not None:
        _refuse_idle(lower, use)
    if use == "read":
        refuse_profile_of_write(lower)
    lower = over_defaults(lower, cluster_defaults(lower, _path(lower), environment))
    lower = over_defaults(lower, from_environment(_NAMES, environment))
    if use == "read":
        lower = named_on_reads(lower)
    options = Options(**_values(lower))
    options.keyring.check()
    check_profile(options, given, writes=use == "write")
    check_server_side(options.profile, options.sse, options.sse_kms_key_id)
    if options.policy.integrity != _DEFAULT_POLICY.integrity:
        check_minimum(options.policy.integrity, environment)
    if use == "write":
        _check_registration(options)
    return options


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
    refuse_unknown(lower, TABLE_OPTIONS)
    _values(lower)


def _values(lower: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of Options that these options set."""
    return {
        "table": _table(lower),
        **read_shared(lower, _POLICY),
        "targets": FileTargets(**read_values(_TARGETS, lower)),
        **read_values(_OWN, lower),
    }


def _refuse_idle(lower: Mapping[str, str], use: Use) -> None:
    other: Use = "write" if use == "read" else "read"
    idle = [SPELLING[name] for name in ONLY[other] if name in lower]
    if idle:
        raise SettingsError(
            f"a {use} has no use for {', '.join(idle)}",
            expected=", ".join(sorted(spelling for name, spelling in SPELLING.items() if name not in ONLY[other])),
            fix=f"leave it out, or give it to the {other}",
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
