"""What a check found, as values: for a program, as an Arrow table, and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import pyarrow as pa

Severity = Literal["error", "warning", "note"]
#: Worst first. An error: Athena fails, or answers wrongly. A warning: it reads this today, against its documentation or
#: with surprises. A note: true, and worth knowing.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
OK = "ok"

SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("status", pa.string()),
        ("stored_bytes", pa.int64()),
        ("envelope", pa.string()),
        ("key", pa.string()),
        (
            "findings",
            pa.list_(pa.struct([(name, pa.string()) for name in ("severity", "check", "problem", "fix")])),
        ),
    ]
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. ``check`` is the word for what was looked at: ``format``, ``key``, …"""

    severity: Severity
    check: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFindings:
    """One object: ``envelope`` says how it is encrypted, ``key`` what is known of its key and from what.

    ``columns`` are Hive types by name, as far as Athena has them; empty where the footer could not be read.
    """

    uri: str
    stored_bytes: int
    envelope: str = ""
    key: str = ""
    findings: tuple[Finding, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def status(self) -> str:
        """The worst severity, or ``ok``."""
        return worst(self.findings)


def worst(findings: Sequence[Finding]) -> str:
    """Return the worst severity of these, or ``ok``."""
    found = {finding.severity for finding in findings}
    return next((severity for severity in SEVERITIES if severity in found), OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Will Athena read this table?

    ``findings`` are about the table as a whole; ``encryption`` is the mode and key that the check assumed.
    """

    table: str
    encryption: str
    files: tuple[FileFindings, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def readable(self) -> bool:
        """Whether nothing was found that makes Athena fail or answer wrongly."""
        return bool(self.files) and all(status != "error" for status in (worst(self.findings), *self._statuses()))

    def _statuses(self) -> Iterator[str]:
        return (file.status for file in self.files)

    def to_arrow(self) -> pa.Table:
        """Return one row for the table and one for each file; the schema is SCHEMA."""
        table = {"uri": self.table, "status": worst(self.findings), "findings": list(map(asdict, self.findings))}
        rows = [
            {
                "uri": file.uri,
                "status": file.status,
                "stored_bytes": file.stored_bytes,
                "envelope": file.envelope,
                "key": file.key,
                "findings": list(map(asdict, file.findings)),
            }
            for file in self.files
        ]
        return pa.Table.from_pylist([table, *rows], SCHEMA)

    def text(self) -> str:
        """Return the report as lines for people; files without findings are counted, and only then named."""
        verdict = "Athena reads it" if self.readable else "Athena does NOT read it as it is"
        counts = {status: list(self._statuses()).count(status) for status in (*SEVERITIES, OK)}
        summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "none"
        lines = [f"{self.table}: {verdict} ({self.encryption})", f"files: {summary}"]
        lines += _lines(self.findings)
        for file in self.files:
            facts = "; ".join(filter(None, (file.envelope, file.key)))
            lines += [
                f"{file.status:<8} {file.stored_bytes:>14,} B  {file.uri}",
                *([f"{'':<9}{facts}"] if facts else []),
            ]
            lines += _lines(file.findings)
        return "\n".join(lines)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in sorted(findings, key=lambda each: SEVERITIES.index(each.severity)):
        yield f"{'':<9}{finding.severity}: {finding.check}: {finding.problem}. {finding.fix}"
