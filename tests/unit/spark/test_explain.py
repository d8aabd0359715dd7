"""One line out of the pages that Spark wraps around an error."""

from __future__ import annotations

import pytest

from s3cse.errors import IntegrityError, TransferError
from s3cse.objects.settlement import UnsettledError
from s3cse.spark.explain import explain
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
