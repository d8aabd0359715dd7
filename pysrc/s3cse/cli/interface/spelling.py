"""How options are written on the command line: in kebab case, and the written profile is ``--format``."""

from __future__ import annotations

import re

from s3cse.errors import S3CSEError
from s3cse.wording import Option

#: As for the AWS CLI, ``--profile`` names credentials.
_SPELLED = {"profile": "--format"}


def flag(name: str) -> str:
    """Return the flag of an option."""
    return _SPELLED.get(name) or "--" + re.sub(r"([A-Z])", lambda found: f"-{found.group(1).lower()}", name)


def as_typed(option: Option) -> str:
    """Return an option as it is typed, with its value if there is one: ``--format sse-c``."""
    return flag(option.name) if option.value is None else f"{flag(option.name)} {option.value}"


def told(error: Exception) -> str:
    """Return an error's message with options as they are typed."""
    return error.spelled(as_typed) if isinstance(error, S3CSEError) else str(error)
