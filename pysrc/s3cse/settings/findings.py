"""What is noticed on the way to an answer: warnings, and settings that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from s3cse.errors import SettingsError, printable
from s3cse.settings.model import Properties, Property

_T = TypeVar("_T")
FLAG: Mapping[str, bool] = {"true": True, "false": False}


@dataclass(slots=True)
class Findings:
    """Collected rather than raised: whoever names everything himself is not stopped by a cluster's mistakes."""

    warnings: list[str] = field(default_factory=list)
    refused: list[SettingsError] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Take note of something that works, but perhaps not as meant."""
        if text not in self.warnings:
            self.warnings.append(text)

    def refuse(self, problem: str, *, found: str, expected: str | None = None, fix: str | None = None) -> None:
        """Take note of something that cannot be."""
        error = SettingsError(problem, found=found, expected=expected, fix=fix)
        if str(error) not in map(str, self.refused):
            self.refused.append(error)


class BucketView:
    """One file system's settings as they are for one bucket: ``fs.s3.bucket.NAME.x`` over ``fs.s3.x``."""

    def __init__(self, properties: Properties, family: str, bucket: str, findings: Findings) -> None:
        self.properties = properties
        self.family = family
        self.bucket = bucket
        self.findings = findings

    def get(self, *names: str) -> Property | None:
        """Return the first setting there is of these, those for the bucket first; an empty one counts as none."""
        for prefix in (f"{self.family}.bucket.{self.bucket}.", f"{self.family}."):
            for name in names:
                found = self.properties.get(prefix + name)
                if found is not None and found.value:
                    return found
        return None

    def flag(self, name: str) -> Property | None:
        """Return a switch that is set and valid."""
        return self.choice(name, FLAG)[1]

    def is_on(self, name: str) -> bool:
        """Whether a switch is set to true."""
        return bool(self.choice(name, FLAG)[0])

    def choice(self, name: str, allowed: Mapping[str, _T]) -> tuple[_T | None, Property | None]:
        """Return what a setting's word means, and the setting; two times None where it is not set, or not valid.

        Switches are read as Hadoop reads them, in any letter case.
        """
        found = self.get(name)
        if found is None:
            return None, None
        word = found.value.lower() if allowed is FLAG else found.value
        if word not in allowed:
            self.findings.refuse(
                "a setting of the cluster has no such value",
                found=f"{found.origin} = {printable(found.value)!r}",
                expected=" | ".join(allowed),
                fix="correct it there",
            )
            return None, None
        return allowed[word], found

    def names(self) -> list[str]:
        """Return the full names of all settings that concern this bucket."""
        other = f"{self.family}.bucket."
        own = f"{other}{self.bucket}."
        return [
            name
            for name in self.properties
            if name.startswith(own) or (name.startswith(f"{self.family}.") and not name.startswith(other))
        ]

    def spelled_for_bucket(self, name: str) -> str:
        """Return a setting's full name for this bucket alone."""
        return f"{self.family}.bucket.{self.bucket}.{name}"
