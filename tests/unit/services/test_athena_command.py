"""What the two jobs share."""

from __future__ import annotations

import argparse

import pytest

from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import CachingKeyring
from s3cse.services.athena.command import DONE, FAILED, WRONG_USE, Connection, Progress, add_connection, run
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.findings import FileFindings


def parsed(*words: str) -> argparse.Namespace:
    """Parse flags."""
    parser = argparse.ArgumentParser()
    add_connection(parser)
    return parser.parse_args(words)


def test_flags_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags have the defaults of the Spark jobs: S3CSE_ and the option in capitals."""
    monkeypatch.setenv("S3CSE_KMSKEYID", "alias/from-environment")
    monkeypatch.setenv("S3CSE_REGION", "eu-west-1")
    assert parsed().kms_key_id == "alias/from-environment"
    connection = Connection.of(parsed("--kms-key-id", "alias/given"))
    assert connection.kms_key_id == "alias/given"
    assert connection.region == connection.kms.meta.region_name == "eu-west-1"
    assert isinstance(connection.keyring(TableEncryption()), CachingKeyring)


@pytest.mark.parametrize("flag", ["--endpoint-url", "--kms-endpoint-url", "--glue-endpoint-url"])
def test_endpoints_that_are_none(flag: str) -> None:
    """An endpoint that is no address is asked wrongly."""
    with pytest.raises(SettingsError):
        Connection.of(parsed("--region", "eu-west-1", flag, "nonsense"))


@pytest.mark.parametrize(
    ("error", "code"), [(None, DONE), (SettingsError("no key was named"), WRONG_USE), (KeyringError("denied"), FAILED)]
)
def test_exit_codes(error: Exception | None, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """0 done, 2 asked wrongly, 1 failed; an error is one line after the job's name."""

    def work() -> int:
        if error is not None:
            raise error
        return DONE

    assert run("athena_check", work) == code
    assert capsys.readouterr().err == ("" if error is None else f"athena_check: {error}\n")


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Files are counted on a terminal's standard error, and nowhere else."""
    report = FileFindings(uri="s3://b/f", stored_bytes=1)
    quiet = Progress()
    quiet(report)
    quiet.end()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown = Progress()
    shown(report)
    shown(report)
    shown.end()
    assert capsys.readouterr().err == "\r1 files checked\r2 files checked\n"
