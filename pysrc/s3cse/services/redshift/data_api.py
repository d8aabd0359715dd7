"""Executing a statement through the Redshift Data API, for those who have no connection of their own.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3cse.errors import SettingsError, TransferError
from s3cse.services.redshift.statements import Statement

FINISHED, FAILED, ABORTED = "FINISHED", "FAILED", "ABORTED"
#: Seconds between two looks: at first, and at most; each is twice as long as the one before.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement that has finished; ``rows`` is what the API says of them, -1 where it does not know."""

    id: str
    rows: int
    seconds: float


def execute(
    statement: Statement,
    client: Any,
    *,
    database: str,
    workgroup: str | None = None,
    cluster: str | None = None,
    secret_arn: str | None = None,
    db_user: str | None = None,
    timeout: float = 3600,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Executed:
    """Execute a statement and wait until it has finished.

    The key, where there is one, travels to AWS in the statement's text, and the API and Redshift keep that text
    (docs/redshift.md). botocore's debug log would show it: do not switch that on.

    Args:
        client: ``boto3.client("redshift-data")``.
        database: to connect to.
        workgroup: of Redshift Serverless; or
        cluster: identifier of a provisioned cluster.
        secret_arn: AWS Secrets Manager's secret with the credentials; or
        db_user: of a cluster, for temporary ones.
        timeout: seconds to wait.
        sleep: waits.
        clock: tells the time in seconds.

    Raises:
        SettingsError: neither a workgroup nor a cluster, or both.
        TransferError: Redshift did not take or finish it, or not in time; where it runs on, the message has its id.
    """
    if (workgroup is None) == (cluster is None):
        raise SettingsError("execute needs one place", expected="workgroup (Serverless) or cluster (provisioned)")
    given = {
        "Database": database,
        "WorkgroupName": workgroup,
        "ClusterIdentifier": cluster,
        "SecretArn": secret_arn,
        "DbUser": db_user,
        "ClientToken": str(uuid.uuid4()),  # botocore's repeats of the request execute nothing twice
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    began = clock()
    identity = _begin(statement, client, arguments)
    pause = FIRST_PAUSE
    while True:
        state = _look(statement, client, identity)
        status = state.get("Status")
        if status == FINISHED:
            return Executed(identity, int(state.get("ResultRows", -1)), clock() - began)
        if status in (FAILED, ABORTED):
            raise _not_done(statement, identity, state)
        if clock() - began + pause > timeout:
            raise TransferError(
                "Redshift has not finished the statement in time",
                found=f"{status} after {clock() - began:.0f} s, id {identity}",
                expected=f"at most {timeout:.0f} s",
                fix="it runs on: look at it with describe_statement, or stop it with cancel_statement",
            )
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _begin(statement: Statement, client: Any, arguments: Mapping[str, str]) -> str:
    """Hand the statement over and return its id."""
    try:
        return str(client.execute_statement(Sql=statement.reveal(), **arguments)["Id"])
    except (ClientError, BotoCoreError) as error:
        raise _refusal(
            error,
            "Redshift did not take the statement",
            _said(statement, error),
            "check the names, and the permission redshift-data:ExecuteStatement",
        ) from None  # not chained: the answer may repeat the statement, and the key in it


def _look(statement: Statement, client: Any, identity: str) -> Mapping[str, Any]:
    """Ask how the statement is doing. Where nobody answers it may run on, and whoever repeats it loads rows twice."""
    try:
        found: Mapping[str, Any] = client.describe_statement(Id=identity)
    except (ClientError, BotoCoreError) as error:
        raise _refusal(
            error,
            "Redshift has the statement, and does not say how it is doing",
            f"{_said(statement, error)}; id {identity}",
            "it may run on: look at it with describe_statement before you execute it again; this needs the permission "
            "redshift-data:DescribeStatement",
        ) from None
    return found


def _said(statement: Statement, error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        return f"{said.get('Code')}: {statement.redact(str(said.get('Message')))}"
    return f"{type(error).__name__}: {statement.redact(str(error))}"


def _refusal(error: ClientError | BotoCoreError, problem: str, found: str, fix: str) -> TransferError:
    response = error.response if isinstance(error, ClientError) else {}
    return TransferError(
        problem,
        found=found,
        fix=fix,
        status=response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
        code=response.get("Error", {}).get("Code"),
    )


def _not_done(statement: Statement, identity: str, state: Mapping[str, Any]) -> TransferError:
    return TransferError(
        "Redshift did not execute the statement",
        found=f"{state.get('Status')}: {statement.redact(str(state.get('Error', 'no reason given')))}; id {identity}",
        expected=FINISHED,
        fix="after COPY, SYS_LOAD_ERROR_DETAIL names file, line and column",
    )
