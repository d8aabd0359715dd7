"""Telling a job's user in one line what went wrong, out of the pages that Spark wraps around an error."""

from __future__ import annotations

import re

from pyspark.errors import AnalysisException

from s3cse import errors

#: Finer kinds that other modules raise, by the one of the tree that they are.
_FINER = {
    "CustomerKeyError": "KeyringError",
    "OtherKeyError": "KeyringError",
    "UndescribedKeyError": "KeyringError",
    "S3RequestError": "TransferError",
    "UnsettledError": "TransferError",
}
_NAMES = "|".join([*(name for name in vars(errors) if name.endswith("Error")), *_FINER])
_LINE = re.compile(rf"s3cse\.[\w.]+\.(?P<kind>{_NAMES}): (?P<text>[^\n]+)")


def explain(error: BaseException) -> str | None:
    """Return ``kind: message`` of the s3cse error inside an error that Spark raised, or None where there is none.

    What Spark itself finds wrong with what was asked (no such path, no such column) is its own first line.

    Spark carries a Python worker's error as text only, with its traceback; the last s3cse error in it is the cause.
    """
    if isinstance(error, errors.S3CSEError):
        return f"{_kind(type(error).__name__)}: {error}"
    found = list(_LINE.finditer(str(error)))
    if found:
        return f"{_kind(found[-1]['kind'])}: {found[-1]['text']}"
    return str(error).partition("\n")[0] if isinstance(error, AnalysisException) else None


def _kind(name: str) -> str:
    return _FINER.get(name, name)
