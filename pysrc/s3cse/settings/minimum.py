"""The floor of integrity that a cluster's owner sets, below which no option goes. Source: DESIGN.md section 5."""

from __future__ import annotations

from s3cse.errors import SettingsError, printable
from s3cse.settings.model import Properties, Property
from s3cse.wording import Option, Worded

#: In any of the cluster's files; what a job sets (``spark.hadoop.*``) does not lower it.
MINIMUM = "fs.s3cse.minimum.integrity"
#: From strong to weak.
_LEVELS = ("strict", "verify-indexed", "none")


def minimum_integrity(properties: Properties) -> Property | None:
    """Return the floor, None where there is none.

    Raises:
        SettingsError: it is no such level.
    """
    found = properties.get(MINIMUM)
    if found is not None and found.value not in _LEVELS:
        raise SettingsError(
            "a setting of the cluster has no such value",
            found=f"{found.origin} = {printable(found.value)!r}",
            expected=" | ".join(_LEVELS),
            fix="correct it there",
        )
    return found


def check_integrity(integrity: str, properties: Properties) -> None:
    """Refuse a level below the floor.

    Raises:
        SettingsError: it is below, or the floor is no such level.
    """
    floor = minimum_integrity(properties)
    level = _LEVELS.index(integrity) if integrity in _LEVELS else 0  # what is no level is refused elsewhere
    if floor is not None and level > _LEVELS.index(floor.value):
        raise SettingsError(
            "the cluster allows no such integrity",
            found=Worded("{}", Option("integrity", integrity)),
            expected=f"{floor.value} at least ({floor.origin})",
            fix=Worded("leave {} out, or ask who runs the cluster", Option("integrity")),
        )
