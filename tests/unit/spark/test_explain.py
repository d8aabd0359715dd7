"""One line out of the pages that Spark wraps around an error."""

from __future__ import annotations

import pytest
from pyspark.errors import AnalysisException

from s3cse.errors import IntegrityError, KeyringError, TransferError
from s3cse.keyrings.kms_context import OtherKeyError
from s3cse.keyrings.kms_key import UndescribedKeyError
from s3cse.objects.settlement import UnsettledError
from s3cse.spark.explain import explain
from s3cse.storage.customer_key_errors import CustomerKeyError
from s3cse.storage.s3_errors import S3RequestError


@pytest.mark.parametrize("kind", [S3RequestError, UnsettledError])
def test_finer_kinds_are_named_by_the_tree(kind: type[TransferError]) -> None:
    """A user reads the kind that the documents explain, whatever module raised it."""
    text = f"Traceback …\n{kind.__module__}.{kind.__name__}: s3://b/k: S3 said no\n  at org.apache.spark"
    assert explain(RuntimeError(text)) == "TransferError: s3://b/k: S3 said no"


def test_the_last_error_is_the_cause() -> None:
    """And an error of another package is none of ours."""
    text = "s3cse.errors.TransferError: first\ns3cse.errors.IntegrityError: s3://b/k: second\n"
    assert explain(RuntimeError(text)) == "IntegrityError: s3://b/k: second"
    assert explain(IntegrityError("it does not verify")) == "IntegrityError: it does not verify"
    assert explain(RuntimeError("other.errors.TransferError: no")) is None


@pytest.mark.parametrize("kind", [CustomerKeyError, OtherKeyError, UndescribedKeyError])
def test_finer_errors_of_keys_are_errors_of_keys(kind: type[KeyringError]) -> None:
    """S3's answer to a wrong SSE-C key, say, reaches the user as one line, too."""
    text = f"Traceback …\n{kind.__module__}.{kind.__name__}: s3://b/k: another key\n  at org.apache.spark"
    assert explain(RuntimeError(text)) == "KeyringError: s3://b/k: another key"


def test_what_spark_refuses_is_one_line() -> None:
    """A source that is not there is no page of Java."""
    error = AnalysisException("[PATH_NOT_FOUND] Path does not exist: file:/x. SQLSTATE: 42K03\n'Relation …\nJVM stack")
    assert explain(error) == "[PATH_NOT_FOUND] Path does not exist: file:/x. SQLSTATE: 42K03"
