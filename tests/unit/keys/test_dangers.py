"""Keys in danger, as moto's KMS tells of them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from s3cse.keyrings import kms_key_state as states
from s3cse.keyrings.kms_key_state import KmsKeyState, key_state, region_of
from s3cse.keys import row as words
from s3cse.keys.dangers import check_keys, is_kms_name, key_names
from s3cse.keys.row import Row, to_batch
from s3cse.local import Servers


def table(*rows: Row) -> pa.Table:
    """Return an inventory of these rows."""
    return pa.Table.from_batches([to_batch(rows)])


def under(key_id: str, name: str = "object") -> Row:
    """Return the row of an object that names a key."""
    return Row("lake", name, format="V2", stored_bytes=10, wrap_algorithm="kms", key_id=key_id, key_evidence="stored")


def test_states_of_keys(servers: Servers, kms: Any) -> None:
    """Enabled, disabled and pending deletion (with its date) are told apart, with the aliases that lead to a key."""
    alias = "alias/danger"
    arns = [servers.create_key(alias), servers.create_key(), servers.create_key()]
    kms.disable_key(KeyId=arns[1].rpartition("/")[2])
    kms.schedule_key_deletion(KeyId=arns[2].rpartition("/")[2], PendingWindowInDays=7)
    found = [key_state(kms, arn) for arn in arns]
    assert [state.status for state in found] == [states.ENABLED, states.DISABLED, states.PENDING_DELETION]
    assert [state.usable for state in found] == [True, False, False]
    assert found[0].aliases == (alias,)
    assert found[2].deletion_date is not None
    by_alias = key_state(kms, alias)
    assert (by_alias.name, by_alias.arn, by_alias.status) == (alias, arns[0], states.ENABLED)


def test_key_that_does_not_exist(kms: Any, kms_key: str) -> None:
    """A key that KMS does not know is not found."""
    gone = kms_key.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"
    assert key_state(kms, gone).status == states.NOT_FOUND


class Denying:
    """A KMS that answers nothing."""

    def __init__(self, code: str) -> None:
        self._code = code

    def describe_key(self, **_: str) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "DescribeKey")


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", states.ACCESS_DENIED), ("KMSInternalException", states.NO_ANSWER)]
)
def test_no_word_of_a_key(code: str, status: str) -> None:
    """Where KMS does not say, that is told, and is neither well nor a danger."""
    health = check_keys(table(under("alias/flights")), lambda name: key_state(Denying(code), name))
    (key,) = health.keys
    assert (key.state.status, key.in_danger, key.untold, health.well) == (status, False, True, False)


def test_multi_region_keys(kms: Any) -> None:
    """A multi-Region key names its relatives, by which its objects can be read yet."""
    made = kms.create_key(MultiRegion=True)["KeyMetadata"]
    kms.replicate_key(KeyId=made["KeyId"], ReplicaRegion="eu-west-1")
    (relative,) = key_state(kms, made["Arn"]).related
    assert region_of(relative) == "eu-west-1"
    asked: list[str] = []

    def ask(name: str) -> KmsKeyState:
        asked.append(name)
        status = states.ENABLED if name == relative else states.PENDING_DELETION
        return KmsKeyState(name, name, status, related=() if name == relative else (relative,))

    (key,) = check_keys(table(under(made["Arn"])), ask).keys
    assert (key.in_danger, key.rescued) == (True, True)
    assert asked == [made["Arn"], relative]


def test_what_depends_on_keys(servers: Servers, kms: Any) -> None:
    """Keys in danger come first, each with its objects; S3's own key counts, and unknown keys are counted."""
    well, bad = servers.create_key(), servers.create_key()
    kms.disable_key(KeyId=bad.rpartition("/")[2])
    inventory = table(
        *(under(well, str(n)) for n in range(3)),
        under(bad, "x"),
        Row("lake", "below", format=words.PLAIN, stored_bytes=5, server_side_key_id=bad),
        Row("lake", "unknown", format="V2", key_evidence=words.UNKNOWN, wrap_algorithm="kms+context"),
        Row("lake", "forbidden", error="403"),
    )
    health = check_keys(inventory, lambda name: key_state(kms, name))
    assert [(key.state.name, key.lost, key.stored_bytes) for key in health.keys] == [(bad, 2, 15), (well, 3, 30)]
    assert (health.unknown, health.unreadable, health.well) == (1, 1, False)


def test_names_of_kms_keys() -> None:
    """Only names that can be KMS's are asked about."""
    message = Row("lake", "m", format=words.MESSAGE, key_id="tests:first", other_key_ids=("alias/a", "mrk-1"))
    assert key_names(table(message, under("1-2-3-4-5"))) == ["1-2-3-4-5", "alias/a", "mrk-1"]
    assert not is_kms_name("sha256:00")
