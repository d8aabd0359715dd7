"""The option ``registerAs``: a write leaves a table that the catalog knows, new partitions included.

Everything that can be refused is refused before the write begins. After the commit only Glue can fail; the rows stay
then, and the error says how to register them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pyarrow as pa

from s3cse.errors import S3CSEError, TransferError
from s3cse.keyrings.kms import kms_client
from s3cse.options.table import Options
from s3cse.parquet.sink import StagedFile
from s3cse.services.athena.definition import TableDefinition, define
from s3cse.services.athena.names import TableName
from s3cse.services.athena.surroundings import bucket_region, table_encryption
from s3cse.services.athena.table_survey import partitions_of
from s3cse.services.glue import check_registration, glue_client, register
from s3cse.spark.session import session_for


def prepare(options: Options, name: TableName, schema: pa.Schema) -> TableDefinition:
    """Return what will be registered; refuse now what Athena or the catalog would refuse later.

    Requests: DescribeKey, HeadBucket, GetTable, and GetDatabase where the table is new.

    Args:
        schema: of the rows, partition columns included.

    Raises:
        S3CSEError: the key, a type or a name is none for Athena, Regions differ, there is no such database, or the
            catalog knows something else under this name.
    """
    kms = kms_client(options.keyring.region, options.keyring.kms_endpoint_url)
    glue = glue_client(options.region, options.glue_endpoint_url)
    regions = {
        "bucket": bucket_region(session_for(options).store, options.table.bucket),
        "catalog": glue.meta.region_name,
    }
    encryption = table_encryption(kms, options.keyring.kms_key_id or "", regions)
    definition = define(name, schema, options.table, encryption, partition_columns=options.partition_by)
    check_registration(glue, definition)
    return definition


def register_files(options: Options, definition: TableDefinition, staged: Sequence[StagedFile]) -> None:
    """Register the table and the partitions of these files, which are committed; safe to repeat.

    Raises:
        TransferError: Glue refused; the message says that the rows are there, and how to register them.
    """
    keys = [file.upload.location.key for file in staged]
    try:
        partitions = partitions_of(options.table, keys) if definition.partition_columns else ()
        register(glue_client(options.region, options.glue_endpoint_url), definition, partitions)
    except S3CSEError as error:
        raise TransferError(
            f"the rows are written and in force, but the catalog does not know them as {definition.name}",
            uri=options.table.uri,
            found=str(error).rstrip("."),
            fix=f"do not write them again: register them with jobs/register_table.py {_arguments(options, definition)}",
        ) from error


def _arguments(options: Options, definition: TableDefinition) -> str:
    """Return what registers the same table later, for a shell; partition columns keep the types that they had here."""
    words = [options.table.uri, str(definition.name), "--kms-key-id", str(definition.encryption.kms_key)]
    for column in definition.partition_columns:
        words += ["--partition-type", f"{column.name}={column.type}"]
    return shlex.join(words)
