"""Instruction files of objects that a copy without one has replaced."""

from __future__ import annotations

from typing import Any

import pytest

import s3cse
from s3cse.client import copying
from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES
from s3cse.errors import TransferError

from .conftest import Log, Make
from .failing_requests import failed, refuse


@pytest.fixture
def client(make: Make) -> s3cse.Client:
    """A client that writes instruction files and lets plain objects pass."""
    return make(storage="instruction-file", plaintext="pass")


@pytest.fixture
def to(client: s3cse.Client, at: dict[str, str]) -> dict[str, str]:
    """The target: an object with an instruction file."""
    place = {**at, "Key": at["Key"] + "-copy"}
    client.put_object(**place, Body=b"old")
    return place


@pytest.fixture(params=["plain", "metadata"])
def plain(request: pytest.FixtureRequest, at: dict[str, str], make: Make, s3: Any) -> bool:
    """The source, without an instruction file: a plain object, or one with its envelope in metadata."""
    if request.param == "plain":
        s3.put_object(**at, Body=b"new")
    else:
        make().put_object(**at, Body=b"new")
    return bool(request.param == "plain")


def keys(s3: Any, at: dict[str, str]) -> list[str]:
    return [row["Key"] for row in s3.list_objects_v2(Bucket=at["Bucket"], Prefix=at["Key"])["Contents"]]


@pytest.mark.parametrize("in_parts", [False, True])
def test_copy_leaves_no_file_behind(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, in_parts: bool, s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A copy over an object with an instruction file is what its source is, and reads like it."""
    if in_parts:
        monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    client.copy_object(**to, CopySource=at)
    assert client.get_object(**to)["Body"].read() == b"new"
    assert keys(s3, at) == [at["Key"], to["Key"]]


def test_nothing_is_deleted_where_nothing_is(client: s3cse.Client, at: dict[str, str], plain: bool, log: Log) -> None:
    """One HEAD, and no delete marker in a bucket with versions."""
    to = {**at, "Key": at["Key"] + "-elsewhere"}
    client.copy_object(**to, CopySource=at)
    assert log.of("HeadObject")[-1]["Key"] == to["Key"] + ".instruction"
    assert {"DeleteObject", "DeleteObjects"}.isdisjoint(log.operations)
    to["Key"] += ".instruction"
    client.copy_object(**to, CopySource=at)
    assert not any(asked["Key"].endswith(".instruction.instruction") for asked in log.of("HeadObject"))


def test_file_goes_only_after_the_copy(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, logged_s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A copy that fails leaves the old object readable."""
    refuse(monkeypatch, logged_s3, "copy_object", failed("AccessDenied", 403))
    with pytest.raises(TransferError):
        client.copy_object(**to, CopySource=at)
    assert client.get_object(**to)["Body"].read() == b"old"


def copy_beside(client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, words: str) -> None:
    """Copy where something has to stay beside the copy: an error only beside a plain one."""
    if plain:
        with pytest.raises(TransferError, match=rf"{to['Key']}\.instruction: the object is copied, but.*{words}"):
            client.copy_object(**to, CopySource=at)
    else:
        client.copy_object(**to, CopySource=at)
        assert client.get_object(**to)["Body"].read() == b"new"


def test_what_cannot_be_asked_stays(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, logged_s3: Any, s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Without the permission to list, S3 does not tell whether there is a file, and what it is."""
    refuse(monkeypatch, logged_s3, "head_object", failed("AccessDenied", 403), ".instruction")
    copy_beside(client, at, to, plain, "Delete it, if it is there")
    assert keys(s3, at) == [at["Key"], to["Key"], to["Key"] + ".instruction"]


@pytest.mark.parametrize(
    "body",
    [b"", b"a user's manual, no instruction file" * 1000, b'{"title": "JSON, of no envelope"}', bytes(2 << 20)],
    ids=["empty", "text", "JSON", "long"],
)
def test_object_of_the_users_stays(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, body: bytes, s3: Any
) -> None:
    """Anybody may have an object that is called so: only what is an instruction file is deleted."""
    file = {**to, "Key": to["Key"] + ".instruction"}
    s3.put_object(**file, Body=body)
    copy_beside(client, at, to, plain, "Move that object away, or .* instruction_suffix")
    assert s3.get_object(**file)["Body"].read() == body


def test_long_object_stays_whatever_it_says(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, s3: Any
) -> None:
    """No instruction file is as long as that, and the mark is easily written."""
    file = {**to, "Key": to["Key"] + ".instruction"}
    s3.put_object(**file, Body=bytes(MAX_INSTRUCTION_BYTES + 1), Metadata={"x-amz-crypto-instr-file": ""})
    copy_beside(client, at, to, plain, "Move that object away")
    assert file["Key"] in keys(s3, at)


def test_file_without_the_mark_goes_too(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, s3: Any
) -> None:
    """Some clients write none: its content says what it is."""
    file = {**to, "Key": to["Key"] + ".instruction"}
    s3.put_object(**file, Body=s3.get_object(**file)["Body"].read())
    client.copy_object(**to, CopySource=at)
    assert keys(s3, at) == [at["Key"], to["Key"]]


def test_file_that_stays_matters_beside_a_plain_object(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, logged_s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The plain copy would be taken for encrypted: an error that says so. Other readers never look for the file."""
    refuse(monkeypatch, logged_s3, "delete_object", failed("AccessDenied", 403))
    if plain:
        words = rf"{to['Key']}\.instruction: the object is copied, but.*Delete it"
        with pytest.raises(TransferError, match=words) as caught:
            client.copy_object(**to, CopySource=at)
        assert caught.value.status == 403
    else:
        client.copy_object(**to, CopySource=at)
        assert client.get_object(**to)["Body"].read() == b"new"


def test_file_of_a_new_object_stays(
    client: s3cse.Client, at: dict[str, str], to: dict[str, str], plain: bool, logged_s3: Any, s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It came between the look at the old file and its deletion: its object may be there in a moment."""
    file = {**to, "Key": to["Key"] + ".instruction"}
    for method in ("delete_object", "delete_objects"):
        request = getattr(logged_s3, method)

        def first(request: Any = request, **arguments: Any) -> Any:
            s3.put_object(**file, Body=b"theirs")
            return request(**arguments)

        monkeypatch.setattr(logged_s3, method, first)
    client.copy_object(**to, CopySource=at)
    assert s3.get_object(**file)["Body"].read() == b"theirs"


def test_put_leaves_the_file_to_delete_object(
    make: Make, at: dict[str, str], to: dict[str, str], log: Log, s3: Any
) -> None:
    """As with the official clients: no reader looks for it, and a put costs no further request."""
    client = make()
    log.clear()
    client.put_object(**to, Body=b"new")
    assert log.operations == ["PutObject"]
    assert client.get_object(**to)["Body"].read() == b"new"
    assert keys(s3, at) == [to["Key"], to["Key"] + ".instruction"]
    client.delete_object(**to)
    assert "Contents" not in s3.list_objects_v2(Bucket=at["Bucket"], Prefix=at["Key"])
