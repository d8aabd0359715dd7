"""Errors of S3 in both trees."""

from __future__ import annotations

import copy
import pickle

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from s3cse.errors import TransferError
from s3cse.storage.port import Location
from s3cse.storage.s3_errors import S3RequestError, refusal, translated

from .fake_client import refusal as botocores

PLACE = Location("bucket", "key")


def caught(error: Exception) -> TransferError:
    with pytest.raises(TransferError) as found, translated(PLACE, "send"):
        raise error
    return found.value


def test_refusals_are_client_errors() -> None:
    """Who catches botocore's ClientError gets it, with the response that botocore gave; its text is ours."""
    original = botocores("NoSuchKey", 404)
    error = caught(original)
    assert isinstance(error, ClientError)
    assert error.response is original.response
    assert (error.operation_name, error.status, error.code) == ("GetObject", 404, "NoSuchKey")
    assert str(error).startswith("s3://bucket/key: S3 did not send the object; found NoSuchKey: because; expected")
    assert error.__cause__ is original


@pytest.mark.parametrize(("attempts", "repeated"), [(None, False), (0, False), (2, True)])
def test_requests_that_botocore_repeats(attempts: int | None, repeated: bool) -> None:
    """A refusal then says nothing of the request before it."""
    original = botocores("AccessDenied", 403)
    if attempts is not None:
        original.response["ResponseMetadata"]["RetryAttempts"] = attempts
    assert caught(original).repeated is repeated
    assert caught(original).at("s3://a/b").repeated is repeated


def test_other_failures_are_none() -> None:
    """Where S3 has said nothing there is no response to show."""
    assert not isinstance(caught(EndpointConnectionError(endpoint_url="x")), ClientError)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_are_the_same(again: object) -> None:
    """Copied and pickled, nothing is lost."""
    error = caught(botocores("SlowDown", 503))
    other = again(error)  # type: ignore[operator]
    assert type(other) is S3RequestError
    assert (str(other), other.response, other.code, other.status) == (str(error), error.response, "SlowDown", 503)


def test_it_can_be_named_later() -> None:
    """An error without an object learns its name, as all of the tree do."""
    named = S3RequestError("no", code="X", status=400).at("s3://a/b")
    assert (str(named), named.response["Error"]["Code"]) == ("s3://a/b: no", "X")
    assert isinstance(named, S3RequestError)


def test_refusals_of_our_own() -> None:
    """What is refused without asking S3 looks as if S3 had said it."""
    error = refusal(PLACE, "no", "GetObject", 416, "InvalidRange", "because")
    assert isinstance(error, ClientError)
    assert error.response["Error"] == {"Code": "InvalidRange", "Message": "because"}
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 416
