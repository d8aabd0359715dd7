"""What Athena says of a query that it ran: where its result is, of which kind, how encrypted, in which workgroup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3cse.errors import SettingsError, TransferError
from s3cse.services.athena.column_types import ResultColumn
from s3cse.storage.port import Location

CSE_KMS = "CSE_KMS"
_WRITES = ("UNLOAD", "CREATE_TABLE_AS_SELECT", "INSERT")


@dataclass(frozen=True, slots=True)
class QueryExecution:
    """A query that has succeeded.

    ``output`` is its CSV; ``manifest`` lists the files that it wrote where it is an UNLOAD, a CTAS or an INSERT.
    ``encryption`` is the option in force (CSE_KMS, SSE_KMS, SSE_S3 or none), ``kms_key`` its key.
    """

    query_execution_id: str
    workgroup: str
    output: Location
    manifest: Location | None
    encryption: str | None
    kms_key: str | None

    @property
    def encrypted(self) -> bool:
        """Whether the result is client-side encrypted."""
        return self.encryption == CSE_KMS


def find_execution(athena: Any, query_execution_id: str, workgroup: str | None = None) -> QueryExecution:
    """Ask Athena about a query: one GetQueryExecution request.

    Args:
        athena: a boto3 Athena client.
        workgroup: where the query is said to have run; None: anywhere.

    Raises:
        SettingsError: it ran in another workgroup, has not succeeded, or left no result in S3.
        TransferError: Athena refused, for want of permission or because it knows no such query.
    """
    with _translated("describe", query_execution_id):
        found = athena.get_query_execution(QueryExecutionId=query_execution_id)["QueryExecution"]
    ran_in = str(found.get("WorkGroup", ""))
    if workgroup is not None and ran_in != workgroup:
        raise SettingsError(
            f"query {query_execution_id} ran in another workgroup",
            found=ran_in or "none",
            expected=workgroup,
            fix="each workgroup has its own place and key for results: ask in the workgroup where the query ran",
        )
    _refuse_unfinished(query_execution_id, found.get("Status", {}))
    result = found.get("ResultConfiguration", {})
    if not result.get("OutputLocation"):
        raise SettingsError(
            f"query {query_execution_id} left no result in S3",
            found=f"workgroup {ran_in}",
            expected="an OutputLocation",
            fix="results that Athena manages itself are had from Athena only (get_query_results)",
        )
    encryption = result.get("EncryptionConfiguration", {})
    return QueryExecution(
        query_execution_id,
        ran_in,
        Location.parse(result["OutputLocation"]),
        _manifest(found),
        encryption.get("EncryptionOption"),
        encryption.get("KmsKey"),
    )


def _refuse_unfinished(query_execution_id: str, status: Mapping[str, Any]) -> None:
    if status.get("State") != "SUCCEEDED":
        raise SettingsError(
            f"query {query_execution_id} has no result",
            found=f"{status.get('State')}: {status.get('StateChangeReason') or ''}".rstrip(": "),
            expected="SUCCEEDED",
            fix="wait until it has succeeded, or run it again",
        )


def _manifest(found: Mapping[str, Any]) -> Location | None:
    """Return where the list of written files is; a query that only reads has none."""
    place = found.get("Statistics", {}).get("DataManifestLocation")
    writes = str(found.get("SubstatementType", "")).upper() in _WRITES
    return Location.parse(place) if place and (writes or not found.get("SubstatementType")) else None


def result_columns(athena: Any, query_execution_id: str) -> list[ResultColumn]:
    """Return the columns of a result with their types, as only Athena can tell them: one GetQueryResults request.

    Raises:
        TransferError: Athena refused.
    """
    with _translated("tell the columns of", query_execution_id):
        answer = athena.get_query_results(QueryExecutionId=query_execution_id, MaxResults=1)
    return [ResultColumn.of(info) for info in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]


@contextmanager
def _translated(action: str, query_execution_id: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        raise TransferError(
            f"Athena did not {action} query {query_execution_id}",
            found=f"{detail.get('Code')}: {detail.get('Message') or ''}".rstrip(": "),
            fix="check the id and the Region, and allow this identity athena:GetQueryExecution and "
            "athena:GetQueryResults in the query's workgroup",
            status=error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
            code=str(detail.get("Code", "")),
        ) from error
    except BotoCoreError as error:
        raise TransferError(
            f"Athena could not be asked to {action} query {query_execution_id}",
            found=str(error),
            fix="check the network, the endpoint, the Region and the credentials",
            sent=False,
        ) from error
