"""Telling a job's user in one line what went wrong, out of the pages that Spark wraps around an error."""

from __future__ import annotations

import re

from s3cse import errors

_NAMES = "|".join(name for name in vars(errors) if name.endswith("Error"))
_LINE = re.compile(rf"s3cse\.errors\.(?P<kind>{_NAMES}): (?P<text>[^\n]+)")


def explain(error: BaseException) -> str | None:
    """Return ``kind: message`` of the s3cse error inside an error that Spark raised, or None where there is none.

    Spark carries a Python worker's error as text only, with its traceback; the last s3cse error in it is the cause.
    """
    if isinstance(error, errors.S3CSEError):
        return f"{type(error).__name__}: {error}"
    found = list(_LINE.finditer(str(error)))
    return f"{found[-1]['kind']}: {found[-1]['text']}" if found else None
