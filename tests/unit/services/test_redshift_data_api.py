"""Executing statements: requests as botocore's own model has them, waiting, and errors without the key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber

from s3cse.errors import SettingsError, TransferError
from s3cse.services.redshift import CopyLayout, Statement, copy_statement, execute
from s3cse.services.redshift.data_api import FIRST_PAUSE, LONGEST_PAUSE

from .redshift_rows import KEY

ID = "d9b6c0c9-0747-4bf4-b142-e8883122f766"
SECRET = KEY.reveal()


@pytest.fixture
def client() -> Any:
    """A client that reaches nothing."""
    return boto3.client("redshift-data", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    """Its answers; requests are checked against botocore's model."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def statement() -> Statement:
    """A statement with a key."""
    return copy_statement("t", "s3://b/manifest", encryption=KEY, iam_role="default", layout=CopyLayout())


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.pauses.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        """Tell the time."""
        return self.now


def run(statement: Statement, client: Any, time: Time | None = None, **words: Any) -> Any:
    """Execute without waiting."""
    time = time or Time()
    words = {"workgroup": "analytics", **words}
    return execute(statement, client, database="dev", sleep=time.sleep, clock=time.clock, **words)


def accept(stub: Stubber, statement: Statement, **words: str) -> None:
    """Let the client take the statement."""
    expected = {"Database": "dev", "Sql": statement.reveal(), "ClientToken": ANY, **words}
    stub.add_response("execute_statement", {"Id": ID}, expected)


def tell(stub: Stubber, status: str, **more: Any) -> None:
    """Let the client say how it goes."""
    stub.add_response("describe_statement", {"Id": ID, "Status": status, **more}, {"Id": ID})


def test_until_it_has_finished(client: Any, stub: Stubber, statement: Statement) -> None:
    """The statement goes out with the key in it; looks are further and further apart."""
    accept(stub, statement, WorkgroupName="analytics")
    for status in ("SUBMITTED", "PICKED", "STARTED", "STARTED"):
        tell(stub, status)
    tell(stub, "FINISHED", ResultRows=7)
    time = Time()
    done = run(statement, client, time)
    assert (done.id, done.rows) == (ID, 7)
    assert time.pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert done.seconds == sum(time.pauses)


def test_on_a_cluster(client: Any, stub: Stubber, statement: Statement) -> None:
    """A provisioned cluster, with a database user."""
    accept(stub, statement, ClusterIdentifier="prod", DbUser="loader")
    tell(stub, "FINISHED")
    assert run(statement, client, workgroup=None, cluster="prod", db_user="loader").rows == -1


@pytest.mark.parametrize("status", ["FAILED", "ABORTED"])
def test_redshift_fails(client: Any, stub: Stubber, statement: Statement, status: str) -> None:
    """Redshift's own reason is told, without the key that it repeats."""
    accept(stub, statement, WorkgroupName="analytics")
    tell(stub, status, Error=f"ERROR: syntax error at or near \"'{SECRET}'\"")
    with pytest.raises(TransferError, match="syntax error") as caught:
        run(statement, client)
    assert SECRET not in str(caught.value)
    assert "<redacted>" in str(caught.value)
    assert ID in str(caught.value)


def test_the_api_refuses(client: Any, stub: Stubber, statement: Statement) -> None:
    """An error of the API has its code; the original, which may hold the statement, is not chained."""
    stub.add_client_error("execute_statement", "ValidationException", f"Sql {SECRET} is wrong", 400)
    with pytest.raises(TransferError, match="ValidationException: Sql <redacted> is wrong") as caught:
        run(statement, client)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_no_connection(client: Any, statement: Statement, monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore cannot reach is a TransferError too."""

    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere")

    monkeypatch.setattr(client, "execute_statement", fail)
    with pytest.raises(TransferError, match="did not take the statement; found EndpointConnectionError"):
        run(statement, client)


def test_nobody_says_how_it_goes(client: Any, stub: Stubber, statement: Statement) -> None:
    """A statement that was taken is not said to be refused: executed again, it would load its rows twice."""
    accept(stub, statement, WorkgroupName="analytics")
    stub.add_client_error("describe_statement", "AccessDeniedException", f"not for {SECRET}", 400)
    with pytest.raises(TransferError, match=r"has the statement.*AccessDeniedException.*It may run on") as caught:
        run(statement, client)
    assert "did not take" not in str(caught.value)
    assert ID in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.code == "AccessDeniedException"


def test_too_slow(client: Any, stub: Stubber, statement: Statement) -> None:
    """A statement that runs on is named, so that somebody can look at it or stop it."""
    accept(stub, statement, WorkgroupName="analytics")
    for _ in range(9):
        tell(stub, "STARTED")
    time = Time()
    with pytest.raises(TransferError, match=f"STARTED after 60 s, id {ID}"):
        run(statement, client, time, timeout=65)
    assert max(time.pauses) == LONGEST_PAUSE


@pytest.mark.parametrize("places", [{"workgroup": None}, {"cluster": "prod"}])
def test_one_place(client: Any, statement: Statement, places: dict[str, Any]) -> None:
    """Nothing is sent where it is not clear whereto."""
    with pytest.raises(SettingsError, match="one place"):
        run(statement, client, **places)
