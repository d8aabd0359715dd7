"""Results of Athena's queries, decrypted: the CSV of a SELECT, and the Parquet files of UNLOAD and CTAS.

A CSE_KMS workgroup writes format V2 with wrap ``kms`` and CBC bodies (FORMATS.md section 17), which nothing can
authenticate: whoever can write to the results' bucket can change them unseen. So these functions let such objects in,
with keys of KMS only, and say so here.

The types of a CSV are in no file that is documented (``.metadata`` is Athena's own), so Athena is asked for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.kms import KmsKeyring, kms_client
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.services.athena.column_types import ResultColumn
from s3cse.services.athena.executions import QueryExecution, find_execution, result_columns
from s3cse.services.athena.result_csv import parse_result
from s3cse.services.athena.written_files import read_files, read_manifest
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store, s3_client

#: For objects that Athena encrypted, and for those of workgroups without client-side encryption.
_ENCRYPTED, _PLAIN = Policy(legacy="allow"), Policy(legacy="allow", plaintext="pass")
_MANIFEST = "-manifest.csv"
#: pandas' nullable types: a NULL must not turn a column of whole numbers into floats.
_NULLABLE = {
    pa.bool_(): "BooleanDtype",
    pa.int8(): "Int8Dtype",
    pa.int16(): "Int16Dtype",
    pa.int32(): "Int32Dtype",
    pa.int64(): "Int64Dtype",
    pa.string(): "StringDtype",
}


@dataclass(frozen=True, slots=True)
class QueryResults:
    """A result: its rows with Athena's types, and where it was; ``workgroup`` is empty where only a place was given."""

    table: pa.Table
    source: str
    workgroup: str = ""

    def to_pandas(self) -> Any:
        """Return a DataFrame: whole numbers, booleans and texts in pandas' nullable types, decimals as they are."""
        import pandas as pd

        return self.table.to_pandas(
            types_mapper=lambda found: getattr(pd, _NULLABLE[found])() if found in _NULLABLE else None,
            date_as_object=False,
        )


def read_results(
    query_execution_id: str,
    *,
    athena: Any,
    store: ObjectStore | None = None,
    keyring: Keyring | None = None,
    workgroup: str | None = None,
    types: Mapping[str, str] | None = None,
) -> QueryResults:
    """Return the result of a query that ran. Memory: the stored length, and the table.

    Args:
        athena: a boto3 Athena client.
        store: where results are; None: S3, as boto3 finds it, in the client's Region.
        keyring: that opens them; None: the KMS key that the query's execution names, in the client's Region.
        workgroup: refuse the result of another one; None: take any.
        types: of some columns, in place of what Athena says of them: ``{"at": "timestamp(6)"}``.

    Raises:
        SettingsError: another workgroup's query, one that has not succeeded, or one without a result in S3.
        PolicyError: the execution says CSE_KMS, and the object is not encrypted.
        S3CSEError: Athena, S3 or KMS refused, or the result does not open.
    """
    execution = find_execution(athena, query_execution_id, workgroup)
    region = athena.meta.region_name
    store = store or S3Store(s3_client(region))
    keyring = keyring or _keyring(execution, region)
    policy = _ENCRYPTED if execution.encrypted else _PLAIN
    if execution.manifest is not None:
        files = read_manifest(store, keyring, execution.manifest)
        return QueryResults(read_files(store, keyring, files, policy), execution.manifest.uri, execution.workgroup)
    _refuse_text(execution.output)
    columns = [
        ResultColumn.parse(column.name, types[column.name]) if types and column.name in types else column
        for column in result_columns(athena, query_execution_id)
    ]
    rows = _csv(store, keyring, execution.output, columns, policy)
    return QueryResults(rows, execution.output.uri, execution.workgroup)


def read_results_at(
    location: Location | str, store: ObjectStore, keyring: Keyring, *, types: Mapping[str, str] | None = None
) -> QueryResults:
    """Return a result by its place alone, without asking Athena.

    Args:
        location: of ``….csv`` or of ``…-manifest.csv``.
        types: Athena's types by column, ``{"n": "bigint", "d": "decimal(10,2)"}``, all columns in order; None: every
            value of a CSV is a text. Parquet files have types of their own.

    Raises:
        S3CSEError: S3 or KMS refused, or the result does not open.
        PolicyError: it is not encrypted.
    """
    place = Location.parse(location) if isinstance(location, str) else location
    if place.key.endswith(_MANIFEST):
        files = read_manifest(store, keyring, place)
        return QueryResults(read_files(store, keyring, files, _ENCRYPTED), place.uri)
    _refuse_text(place)
    columns = None if types is None else [ResultColumn.parse(name, text) for name, text in types.items()]
    return QueryResults(_csv(store, keyring, place, columns, _ENCRYPTED), place.uri)


def _csv(
    store: ObjectStore, keyring: Keyring, place: Location, columns: list[ResultColumn] | None, policy: Policy
) -> pa.Table:
    return parse_result(read_whole(open_object(store, keyring, place, policy)), columns, place.uri)


def _keyring(execution: QueryExecution, region: str) -> Keyring:
    # A plain result needs none; the name is then never used.
    return KmsKeyring(kms_client(region), execution.kms_key or "alias/none")


def _refuse_text(place: Location) -> None:
    if not place.key.endswith(".csv"):
        raise SettingsError(
            "this result has no rows of columns",
            found=place.uri,
            expected="the .csv of a SELECT, or the -manifest.csv of an UNLOAD or a CTAS",
            fix="results of DDL (SHOW, DESCRIBE) are texts for people: ask Athena (get_query_results)",
        )
