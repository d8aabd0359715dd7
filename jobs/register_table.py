"""Register an encrypted table with the Glue catalog, for Athena: python register_table.py TABLE DATABASE.NAME …

TABLE is s3://bucket/table/. Columns come from the table's own footers, partitions from its folders. The job may be run
again at any time: what is new is added, what contradicts the catalog is refused. --print shows the statements in place
of running anything in the catalog. Exit code 0: registered; 1: failed; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.objects.policy import LEGACY, Policy
from s3cse.services import athena
from s3cse.services.athena.command import DONE, FAILED, Connection, Progress, add_connection, run
from s3cse.services.athena.projection import Projection, parse_projection
from s3cse.services.athena.surroundings import bucket_region, table_encryption
from s3cse.services.glue import register
from s3cse.storage.port import Location

_TYPES = {
    "string": pa.string(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)", re.ASCII)
_MOST_DIGITS = 38


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE", help="s3://bucket/table/")
    parser.add_argument("name", metavar="DATABASE.NAME", help="what the catalog is to call it; the database exists")
    parser.add_argument(
        "--print", action="store_true", dest="only_print", help="print the statements, register nothing"
    )
    parser.add_argument("--check", action="store_true", help="check every file first; register only what Athena reads")
    parser.add_argument("--replace", action="store_true", help="put columns, key and projection in place of the known")
    parser.add_argument("--keep-versions", action="store_true", help="keep the table's version before an update")
    parser.add_argument("--merge-schema", action="store_true", help="unite the columns of all files")
    parser.add_argument("--legacy", choices=LEGACY, default="refuse", help="open old formats, as for Spark")
    parser.add_argument(
        "--partition-type",
        action="append",
        default=[],
        metavar="COLUMN=TYPE",
        help=f"type of a partition column, in place of what its values look like: {' | '.join(_TYPES)} | decimal(P,S)",
    )
    parser.add_argument(
        "--projection",
        action="append",
        default=[],
        metavar="COLUMN=HOW",
        help="compute partitions: enum:a,b | integer:FIRST,LAST[,DIGITS] | date:FIRST,LAST[,FORMAT] | injected",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_connection(parser)
    return parser


def _pairs(given: Sequence[str], flag: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if any(not (name and equals and value) for name, equals, value in pairs):
        raise SettingsError(f"--{flag} names no column", found=", ".join(given), expected="COLUMN=VALUE")
    return {name: value for name, _, value in pairs}


def partition_types(given: Sequence[str]) -> pa.Schema:
    """Return the types of --partition-type.

    Raises:
        SettingsError: no such type.
    """
    return pa.schema([(name, _type(text)) for name, text in _pairs(given, "partition-type").items()])


def _type(text: str) -> pa.DataType:
    decimal = _DECIMAL.fullmatch(text)
    if decimal and 1 <= int(decimal[1]) <= _MOST_DIGITS and int(decimal[2]) <= int(decimal[1]):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if text not in _TYPES:
        expected = " | ".join([*_TYPES, "decimal(P,S)"])
        raise SettingsError("no such partition type", found=text, expected=expected)
    return _TYPES[text]


def projections(given: Sequence[str]) -> dict[str, Projection]:
    """Return the projections of --projection.

    Raises:
        SettingsError: no such projection.
    """
    return {name: parse_projection(how) for name, how in _pairs(given, "projection").items()}


def encryption_of_table(connection: Connection, table: Location) -> athena.TableEncryption:
    """Return mode and key that the flags mean.

    Raises:
        SettingsError: no key, or one of another Region.
        KeyringError: KMS does not know the key.
    """
    if connection.key_per_object:
        return athena.TableEncryption()
    if not connection.kms_key_id:
        raise SettingsError("no key was named", expected="--kms-key-id, or --key-per-object")
    regions = {"bucket": bucket_region(connection.store, table.bucket), "catalog": connection.region}
    return table_encryption(connection.kms, connection.kms_key_id, regions)


def register_table(arguments: argparse.Namespace) -> int:
    """Do the job's work and return its exit code."""
    name, table = athena.TableName.parse(arguments.name), Location.parse(arguments.table)
    table = Location(table.bucket, table.key.strip("/"))
    types, computed = partition_types(arguments.partition_type), projections(arguments.projection)
    connection = Connection.of(arguments)
    encryption = encryption_of_table(connection, table)
    keyring = connection.keyring(encryption)
    definition, partitions = athena.survey(
        connection.store,
        keyring,
        table,
        name,
        encryption,
        policy=Policy(legacy=arguments.legacy),
        partition_types=types,
        merge=arguments.merge_schema,
        projection=computed,
    )
    if arguments.check and not _reads(connection, table, definition):
        return FAILED
    if arguments.only_print:
        added = () if definition.projection else athena.add_partitions(definition, partitions)
        print(";\n\n".join([athena.create_table(definition), *added]) + ";")
        return DONE
    done = register(
        connection.glue,
        definition,
        partitions,
        replace=arguments.replace,
        skip_archive=not arguments.keep_versions,
    )
    if arguments.json:
        print(
            json.dumps(
                {
                    "table": str(name),
                    "location": definition.location,
                    "action": done.table,
                    "partitions_added": done.partitions_added,
                    "partitions": done.partitions,
                }
            )
        )
    else:
        print(f"{done}; at {definition.location}, {encryption}")
    return DONE


def _reads(connection: Connection, table: Location, definition: athena.TableDefinition) -> bool:
    """Check every file; print the report where Athena would not read the table."""
    progress = Progress()
    report = athena.check(
        connection.store,
        connection.keyring(definition.encryption),
        table,
        definition.encryption,
        kms=connection.kms,
        region=connection.region,
        columns={column.name: column.type for column in definition.columns},
        progress=progress,
    )
    progress.end()
    if not report.readable:
        print(report.text(), file=sys.stderr)
        print("register_table: nothing was registered", file=sys.stderr)
    return report.readable


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    return run("register_table", lambda: register_table(arguments))


if __name__ == "__main__":
    sys.exit(main())
