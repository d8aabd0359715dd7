"""Verified ranges over a connection that fails: the right rows or an error that names the file, never other rows."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pyarrow as pa
import pytest
from botocore.config import Config
from botocore.retries.standard import ExponentialBackoff

import s3cse.local
from faults.s3_faults import SLOW_DOWN, Action, Answer, Call, Fault, Flip, Reset, Stall, Truncate
from faults.s3_proxy import S3Proxy
from s3cse.errors import IntegrityError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.objects.policy import Policy
from s3cse.parquet.scan import FileTask, Scan
from s3cse.parquet.table import list_table
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fakes import Lake

ROWS = pa.table(
    {"id": pa.array(range(40_000), pa.int64()), "x": [random.Random(5).random() + number for number in range(40_000)]}
)
NAME = "f.parquet"
#: The requests for the file: one for its end, then one for each of four row groups.
ENDS, RANGES = 1, 4
SECONDS = 0.3  # that the client waits for the next byte
POLICIES = ["strict", "verify-indexed"]


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat refused requests as often as in earnest, and wait no time for it."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)


@pytest.fixture(scope="module")
def lake() -> Lake:
    """A table of one indexed file, in memory."""
    lake = Lake()
    lake.put_indexed(NAME, ROWS, row_group_size=10_000, compression="none", use_dictionary=False)
    return lake


class Remote:
    """That table in the S3 server, read through a proxy, one column of it in ranges."""

    def __init__(self, lake: Lake, s3: Any, bucket: str, client: Any) -> None:
        self.table = Location(bucket, f"{uuid.uuid4().hex}/table")
        self.keyring: Keyring = lake.keyring
        self.store = S3Store(client)
        stored, body = lake.store.get_tail(lake.table.child(NAME), 1 << 30)
        self.write: Callable[[bytes], object] = lambda new: s3.put_object(
            Bucket=bucket, Key=self.table.child(NAME).key, Body=new, Metadata=dict(stored.metadata)
        )
        self.body = body
        self.write(body)

    def read(self, integrity: str) -> pa.Table:
        """Read as a task does that needs few columns."""
        schema = ROWS.select(["x"]).schema
        scan = Scan(schema, schema, pa.schema([]), None, Policy(integrity=integrity), whole=False)
        tasks = [FileTask(file) for file in list_table(self.store, self.table).files]
        return pa.Table.from_batches(scan.read(self.store, self.keyring, tasks), schema)


@pytest.fixture(scope="module")
def proxy(servers: s3cse.local.Servers) -> Iterator[S3Proxy]:
    """One for all tests here, and so one client."""
    with S3Proxy(servers.s3_url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def client(servers: s3cse.local.Servers, proxy: S3Proxy) -> Any:
    """An impatient client that repeats a request twice."""
    session = boto3.session.Session(servers.access_key, servers.secret_key, region_name=servers.region)
    config = Config(
        read_timeout=SECONDS,
        retries={"total_max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": "path"},
        response_checksum_validation="when_required",
    )
    return session.client("s3", endpoint_url=proxy.url, config=config)


@pytest.fixture
def remote(lake: Lake, s3: Any, shared_bucket: str, client: Any, proxy: S3Proxy) -> Iterator[Remote]:
    """The table behind the proxy."""
    yield Remote(lake, s3, shared_bucket, client)
    proxy.clear()


def on_requests(action: Action, numbers: range | tuple[int, ...]) -> list[Fault]:
    """Return faults for some of the requests for the file, counted from 1."""
    return [Fault(action, method="GET", key=f"*/{NAME}", nth=number) for number in numbers]


ONCE: dict[str, Action] = {
    "busy": SLOW_DOWN,
    "broken": Answer.error(500, "InternalError"),
    "no answer": Reset(),
    "reset within": Reset(after=1000),
    "short": Truncate(after=1000),
    "slow": Stall(SECONDS / 3, after=1000),
    "slower than the client waits": Stall(2 * SECONDS, after=1000),
    "an answer later than it waits": Stall(2 * SECONDS),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fault", ONCE)
def test_what_passes_does_not_show(remote: Remote, proxy: S3Proxy, fault: str, policy: str) -> None:
    """A fault of the request for the file's end, and of two ranges, costs time and requests, and no row."""
    proxy.fail(*on_requests(ONCE[fault], (1, 3, 5)))
    assert remote.read(policy).equals(ROWS.select(["x"]))
    asked = proxy.count("GET", key=f"*/{NAME}")
    assert asked == ENDS + RANGES if fault == "slow" else asked > ENDS + RANGES


ALWAYS: dict[str, Action] = {
    "busy": SLOW_DOWN,
    "no answer": Reset(),
    "short": Truncate(after=0),
    "another range": Answer(206, bytes(1000), "application/octet-stream"),
    "slower than the client waits": Stall(2 * SECONDS),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fault", ALWAYS)
def test_what_stays_is_an_error_that_names_the_file(remote: Remote, proxy: S3Proxy, fault: str, policy: str) -> None:
    """A range that never comes is no row missing and no row made up."""
    proxy.fail(*on_requests(ALWAYS[fault], range(1 + ENDS + 1, 100)))
    with pytest.raises(TransferError, match=rf"s3://.*/table/{NAME}"):
        remote.read(policy)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("number", range(1, ENDS + RANGES + 1))
def test_byte_changed_on_the_way_is_noticed(remote: Remote, proxy: S3Proxy, number: int, policy: str) -> None:
    """Whichever request's answer it is in."""
    proxy.fail(*on_requests(Flip(at=1000), (number,)))
    with pytest.raises(IntegrityError, match=rf"s3://.*/table/{NAME}"):
        remote.read(policy)


@pytest.mark.parametrize("policy", POLICIES)
def test_file_replaced_between_two_ranges(remote: Remote, proxy: S3Proxy, policy: str) -> None:
    """Ranges of two objects are never one file's rows, not even where the other one is authentic by itself."""
    proxy.fail(*on_requests(Call(before=lambda request: remote.write(remote.body + b"\0")), (3,)))
    with pytest.raises(TransferError, match=NAME) as caught:
        remote.read(policy)
    assert caught.value.status == 412
