"""The audit on a cluster, with tasks that run one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import s3cse
from s3cse.errors import SettingsError
from s3cse.keyrings import KmsKeyring
from s3cse.keyrings.configured import KeyringSettings
from s3cse.keys import found as listing
from s3cse.keys.parts import State, read_parts
from s3cse.local import Servers
from s3cse.options.objects import ObjectOptions
from s3cse.spark import audit as module
from s3cse.spark.audit import Audit, audit
from s3cse.storage.port import Location


class Tasks:
    """What a SparkContext does with a list."""

    defaultParallelism = 1  # noqa: N815 - Spark's name

    def parallelize(self, rows: Sequence[Any], slices: int) -> Tasks:
        """See SparkContext."""
        assert slices == len(rows)
        self._rows = list(rows)
        return self

    def map(self, work: Callable[[Any], int]) -> Tasks:
        """See RDD."""
        self._rows = [work(row) for row in self._rows]
        return self

    def collect(self) -> list[Any]:
        """See RDD."""
        return self._rows


@pytest.fixture
def plan(servers: Servers, kms_key: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """An audit of nine objects, two a page."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    client = s3cse.Client(servers.s3_client(), KmsKeyring(servers.kms_client(), kms_key))
    for number in range(9):
        client.put_object(Bucket=bucket, Key=f"a/{number}", Body=b"x")
    pages = listing.Prefix.pages

    def short(prefix: listing.Prefix, token: str | None = None) -> Any:
        for page in pages(prefix):
            rows = page.objects
            for at in range(int(token or 0), len(rows), 2):
                yield listing.FoundPage(rows[at : at + 2], str(at + 2) if at + 2 < len(rows) else None)

    monkeypatch.setattr(listing.Prefix, "pages", short)
    monkeypatch.setattr(module, "PAGES_PER_PART", 1)
    monkeypatch.setattr(module, "TASKS_AHEAD", 2)
    options = ObjectOptions(keyring=KeyringSettings(kms_key_id=kms_key))
    return Audit(options=options, place=Location(bucket, "a/"), target=Location(bucket, "result"), encrypted=True)


def test_goes_on_after_a_break(plan: Audit) -> None:
    """Killed after a round, the audit goes on behind it; in the end each object is there once, encrypted."""

    class KilledError(Exception):
        pass

    def kill(_: State) -> None:
        raise KilledError

    spark: Any = Tasks()
    with pytest.raises(KilledError):
        audit(spark, plan, kill)
    told: list[State] = []
    state = audit(spark, plan, told.append)
    assert [each.rows for each in told] == [8, 9]
    assert (state.done, state.parts) == (True, 5)
    rows = read_parts(plan.folder(plan.store()))
    assert rows["key"].to_pylist() == [f"a/{number}" for number in range(9)]
    assert set(rows["wrap_algorithm"].to_pylist()) == {"kms+context"}
    body = plan.store().get_tail(Location(plan.target.bucket, "result/part-00000.parquet"), 1 << 20)[1]
    assert b"PAR1" not in body
    assert audit(spark, plan) == state


def test_kinds_of_sources_exclude_each_other(plan: Audit) -> None:
    """A report, a table and all versions are one source each."""
    both = Audit(
        options=plan.options, place=plan.place, target=plan.target, encrypted=False, table=True, all_versions=True
    )
    with pytest.raises(SettingsError, match="one of these only"):
        both.source(plan.store())
