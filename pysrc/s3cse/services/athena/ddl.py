"""The statements that make a table known to Athena, as texts: run them in its console, by JDBC, or by anything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from s3cse.errors import SettingsError
from s3cse.parquet.hive_names import NULL_PARTITION
from s3cse.services.athena.definition import Column, Partition, TableDefinition
from s3cse.services.athena.names import literal, quoted

#: Athena's limit for a statement is 262144 bytes; a partition takes a few hundred.
_PARTITIONS_PER_STATEMENT = 100


def create_table(definition: TableDefinition, *, if_not_exists: bool = True) -> str:
    """Return ``CREATE EXTERNAL TABLE``, without a semicolon at its end."""
    clauses = [
        f"CREATE EXTERNAL TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{definition.name.in_ddl} (",
        _columns(definition.columns),
        ")",
    ]
    if definition.partition_columns:
        clauses += ["PARTITIONED BY (", _columns(definition.partition_columns), ")"]
    properties = [f"  {literal(name)}={literal(value)}" for name, value in definition.properties.items()]
    clauses += ["STORED AS PARQUET", f"LOCATION {literal(definition.location)}"]
    return "\n".join([*clauses, "TBLPROPERTIES (", ",\n".join(properties), ")"])


def _columns(columns: Sequence[Column]) -> str:
    return ",\n".join(f"  {quoted(column.name)} {column.ddl_type}" for column in columns)


def add_partitions(definition: TableDefinition, partitions: Sequence[Partition]) -> Iterator[str]:
    """Yield ``ALTER TABLE … ADD IF NOT EXISTS``, one statement per hundred partitions.

    Raises:
        SettingsError: the partition of null, which a statement cannot name; MSCK REPAIR TABLE and Glue can.
    """
    for at in range(0, len(partitions), _PARTITIONS_PER_STATEMENT):
        rows = [f"  {_partition(definition, each)}" for each in partitions[at : at + _PARTITIONS_PER_STATEMENT]]
        yield "\n".join([f"ALTER TABLE {definition.name.in_ddl} ADD IF NOT EXISTS", *rows])


def _partition(definition: TableDefinition, partition: Partition) -> str:
    if NULL_PARTITION in partition.values:
        raise SettingsError(
            "a statement cannot add the partition of null",
            found=partition.location,
            fix="run MSCK REPAIR TABLE, or register the table with Glue",
        )
    pairs = zip(definition.partition_columns, partition.values, strict=True)
    spec = ", ".join(f"{quoted(column.name)} = {literal(value)}" for column, value in pairs)
    return f"PARTITION ({spec}) LOCATION {literal(partition.location)}"


def repair_table(definition: TableDefinition) -> str:
    """Return ``MSCK REPAIR TABLE``: Athena looks for new folders itself, which takes long for many."""
    return f"MSCK REPAIR TABLE {definition.name.in_ddl}"
