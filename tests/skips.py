"""A run fails where a test was skipped that ``skips.toml`` does not name: what nobody runs, nobody misses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

LIST = Path(__file__).with_name("skips.toml")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Tests that may be skipped for a reason: globs of their ids and of what pytest shows; ``why`` is for people."""

    tests: str
    reason: str
    why: str

    def covers(self, test: str, reason: str) -> bool:
        """Tell whether this allows a skip."""
        return fnmatchcase(test, self.tests) and fnmatchcase(reason, self.reason)


def read_list(path: Path = LIST) -> tuple[Allowed, ...]:
    """Read the committed list."""
    return tuple(Allowed(**row) for row in tomllib.loads(path.read_text())["skip"])


class SkipGuard:
    """The plugin: watches a run and fails it at its end."""

    def __init__(self, allowed: Sequence[Allowed]) -> None:
        self._allowed = allowed
        self._unlisted: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at one step of one test; an expected failure is no skip."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Look at one module: it may be skipped as a whole."""
        if report.skipped:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not any(allowed.covers(report.nodeid, reason) for allowed in self._allowed):
            self._unlisted[report.nodeid] = reason

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that would have passed."""
        if self._unlisted and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which skips are too many."""
        if self._unlisted:
            terminalreporter.section(f"skipped, and not in {LIST.name}", red=True)
            for test, reason in self._unlisted.items():
                terminalreporter.line(f"{test}: {reason}")
