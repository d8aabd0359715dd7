"""The frame of the jobs, with a session that is none."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from s3cse.spark import job as job_module
from s3cse.spark.flags import CONNECTION, READING, add_flags
from s3cse.spark.job import DONE, WRONG_USE, Job, run_job


class Session:
    """Builder, session and settings in one."""

    def __init__(self, **settings: str) -> None:
        self.settings = {f"spark.s3cse.{name}": value for name, value in settings.items()}
        self.started = 0
        self.stopped = 0
        self.conf = self.builder = self

    def appName(self, name: str) -> Session:  # noqa: N802 - Spark's name
        """Take the name."""
        return self

    def getOrCreate(self) -> Session:  # noqa: N802 - Spark's name
        """Count the starts."""
        self.started += 1
        return self

    def get(self, name: str, default: Any) -> Any:
        """Return a setting."""
        return self.settings.get(name, default)

    @property
    def getAll(self) -> dict[str, str]:  # noqa: N802 - Spark's name
        """Return all settings."""
        return self.settings

    def stop(self) -> None:
        """Count the ends."""
        self.stopped += 1


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("S3CSE_KMSKEYID", "S3CSE_REGION", "S3CSE_LEGACY"):
        monkeypatch.delenv(name, raising=False)


def run(monkeypatch: pytest.MonkeyPatch, session: Session, *flags: str) -> tuple[int, list[Job]]:
    """Run a job that only takes note of what it got."""
    monkeypatch.setattr(job_module, "SparkSession", session)
    parser = argparse.ArgumentParser()
    add_flags(parser, READING)
    seen: list[Job] = []

    def work(job: Job) -> int:
        seen.append(job)
        return DONE

    code = run_job("job", "s3://b/t", parser.parse_args(flags), work)
    assert session.started == session.stopped
    return code, seen


def test_session_settings_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no flag says comes from spark.s3cse.*, then from the environment; a flag wins over both."""
    monkeypatch.setenv("S3CSE_REGION", "env")
    monkeypatch.setenv("S3CSE_LEGACY", "wraps")
    session = Session(kmsKeyId="session", region="session", endpointUrl="http://session")
    code, (job,) = run(monkeypatch, session, "--region", "flag")
    assert code == DONE
    options = job.options
    assert (options.keyring.kms_key_id, options.region, options.endpoint_url) == ("session", "flag", "http://session")
    assert options.policy.legacy == "wraps"
    assert job.given == {"region": "flag"}


@pytest.mark.parametrize(
    "flags", [("--legacy", "x"), ("--kms-key-id", "k", "--context", "{"), ("--integrity", "stream")]
)
def test_wrong_flag_ends_before_spark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """A wrong flag is one line and exit code 2, and no session is made for it."""
    session = Session(kmsKeyId="session")
    assert run(monkeypatch, session, *flags) == (WRONG_USE, [])
    assert session.started == 0
    assert capsys.readouterr().err.startswith("job: ")


@pytest.mark.parametrize(("settings", "said"), [({}, "kmsKeyId"), ({"kmsKeyId": "k", "legacy": "x"}, "legacy")])
def test_wrong_settings_end_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: dict[str, str], said: str
) -> None:
    """A key that nobody names and a wrong setting of the session are seen once the session is there: exit code 2."""
    session = Session(**settings)
    assert run(monkeypatch, session) == (WRONG_USE, [])
    assert session.started == 1
    message = capsys.readouterr().err
    assert message.startswith("job: ")
    assert said in message


def test_connection_is_part_of_reading() -> None:
    """Every job that reads can be told where and with which key."""
    assert set(CONNECTION) < set(READING)
