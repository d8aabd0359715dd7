"""From flags to a store, and from there to a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from s3cse.cli.app import app
from s3cse.cli.interface.connection import open_store
from s3cse.errors import SettingsError
from s3cse.local import Servers
from s3cse.storage.port import Location

PLACE = Location("lake", "")


def test_endpoint_that_is_no_address() -> None:
    """It is wrong use, and named."""
    with pytest.raises(SettingsError, match="the endpoint is not valid; found 'nowhere'"):
        open_store(PLACE, "us-east-1", "nowhere")


def test_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 does not find is explained in one line."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    result = CliRunner().invoke(app, ["uploads", "ls", "s3://lake/"])
    assert result.exit_code == 1
    assert "nobody" in result.stderr
    assert result.stderr.count("\n") == 1


def test_uploads_of_a_real_server(servers: Servers, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """List and abort work through boto3, with credentials and endpoint from the environment."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="flights/a.bin")
    s3.upload_part(Bucket=bucket, Key="flights/a.bin", UploadId=begun["UploadId"], PartNumber=1, Body=b"abc")
    shown = CliRunner().invoke(app, ["uploads", "ls", f"s3://{bucket}/flights/", "--parts", "--json"])
    row = json.loads(shown.stdout)
    assert (row["upload_id"], row["parts"], row["bytes"]) == (begun["UploadId"], 1, 3)
    assert row["age_seconds"] < 300
    aborted = CliRunner().invoke(app, ["uploads", "abort", f"s3://{bucket}/", "--older-than", "0s", "--yes"])
    assert (aborted.exit_code, aborted.stderr) == (0, "aborted 1 upload\n")
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_bucket_that_is_not_there(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what S3 said and what to check."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["uploads", "ls", "s3://no-such-bucket-here/"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "NoSuchBucket" in result.stderr
