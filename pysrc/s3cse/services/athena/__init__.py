"""Athena: make a table of encrypted files known to it, say beforehand whether it will read it, read its results.

    from s3cse.services import athena

    athena.create_table(definition)          the CREATE EXTERNAL TABLE statement, as text
    athena.check(store, keyring, table)      will Athena read this table: a report per file
    athena.read_results(…)                   results that a CSE_KMS workgroup left

Source: FORMATS.md section 17 of the project's notes, and the pages of AWS that it names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s3cse.services.athena.ddl import add_partitions, create_table, repair_table
    from s3cse.services.athena.definition import Partition, TableDefinition, define
    from s3cse.services.athena.encryption import TableEncryption
    from s3cse.services.athena.findings import CheckReport, FileFindings, Finding
    from s3cse.services.athena.names import TableName
    from s3cse.services.athena.projection import date_range, enumeration, injected, integer_range
    from s3cse.services.athena.results import QueryResults, read_results, read_results_at
    from s3cse.services.athena.table_check import check
    from s3cse.services.athena.table_survey import survey

#: Names by their modules. No module is called as something in it is: importing it would put it into the name's place.
_HOMES = {
    "check": "table_check",
    "create_table": "ddl",
    "add_partitions": "ddl",
    "repair_table": "ddl",
    "Partition": "definition",
    "TableDefinition": "definition",
    "define": "definition",
    "TableEncryption": "encryption",
    "CheckReport": "findings",
    "FileFindings": "findings",
    "Finding": "findings",
    "TableName": "names",
    "date_range": "projection",
    "enumeration": "projection",
    "injected": "projection",
    "integer_range": "projection",
    "QueryResults": "results",
    "read_results": "results",
    "read_results_at": "results",
    "survey": "table_survey",
}
__all__ = [
    "CheckReport",
    "FileFindings",
    "Finding",
    "Partition",
    "QueryResults",
    "TableDefinition",
    "TableEncryption",
    "TableName",
    "add_partitions",
    "check",
    "create_table",
    "date_range",
    "define",
    "enumeration",
    "injected",
    "integer_range",
    "read_results",
    "read_results_at",
    "repair_table",
    "survey",
]


def __getattr__(name: str) -> Any:
    """Import a name's module when it is first asked for: Spark's workers need only the names of tables (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
