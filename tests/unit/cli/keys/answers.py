"""What a command printed, for tests to look at."""

from __future__ import annotations

import json
from typing import Any


def lines(result: Any) -> list[dict[str, Any]]:
    """Return what a command printed as JSON."""
    return [json.loads(line) for line in result.stdout.splitlines()]
