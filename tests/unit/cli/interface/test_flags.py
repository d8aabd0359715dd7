"""The flags that commands share: what they are called, what they make, and what they leave alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from s3cse.cli.interface import outcome
from s3cse.cli.interface.connection import as_profile
from s3cse.cli.interface.flags import Flags, Target, with_flags
from s3cse.errors import SettingsError, TransferError
from s3cse.options.objects import OBJECT_OPTIONS, ObjectOptions

PLACE = "s3://lake/a"


def ran(work: Callable[..., object], *arguments: str, **kinds: bool) -> Any:
    """Run a command that has the shared flags and does this with them."""
    app = typer.Typer()

    @app.command()
    @with_flags("try", **kinds)
    def command(flags: Flags, name: str = "nobody", to: Target = None) -> None:
        """Try the flags."""
        work(flags, name=name, to=to)

    return CliRunner().invoke(app, arguments)


def parsed(*arguments: str) -> ObjectOptions:
    """Return the options that these flags make."""
    found: list[ObjectOptions] = []
    result = ran(lambda flags, **_: found.append(flags.options(PLACE)), *arguments, reads=True, writes=True)
    assert result.exit_code == 0, result.stderr
    return found[0]


def test_every_option_of_objects_is_a_flag() -> None:
    """One line each, under its name in kebab case; the written profile is --format."""
    shown = ran(print, "--help", reads=True, writes=True).stdout.lower()
    flags = {word.replace("-", "") for word in shown.split() if word.startswith("--")}
    assert {"format" if name == "profile" else name for name in OBJECT_OPTIONS} <= flags


def test_flags_make_options() -> None:
    """Keys, rules and what is written."""
    options = parsed(
        "--keyring", "aes", "--key-file", "k", "--integrity", "stream", "--format", "s3ec-v4", "--region", "eu-west-1"
    )  # fmt: skip
    assert (options.keyring.kind, options.keyring.key_file) == ("aes", "k")
    assert (options.policy.integrity, options.profile, options.region) == ("stream", "s3ec-v4", "eu-west-1")


def test_own_parameters_stay() -> None:
    """A command has its own flags beside the shared ones."""
    seen: list[object] = []
    ran(lambda flags, name, to: seen.extend([flags.as_json, name, to]), "--json", "--name", "me", "--to", "a=b")
    assert seen == [True, "me", ["a=b"]]


def test_no_key_named() -> None:
    """Wrong use, in one line, where a key is needed; no matter where it is not."""
    result = ran(lambda flags, **_: flags.client(PLACE), keys=True)
    assert (result.exit_code, result.stderr.count("\n")) == (outcome.WRONG_USE, 1)
    assert "no key was named" in result.stderr
    assert ran(lambda flags, **_: flags.client(PLACE, key=False), "--region", "x-1", keys=True).exit_code == 0


def test_endpoint_that_is_no_address() -> None:
    """It is wrong use for a client as well."""
    result = ran(
        lambda flags, **_: flags.client(PLACE), "--endpoint-url", "nowhere", "--kms-key-id", "k", "--region", "x-1",
        keys=True,
    )  # fmt: skip
    assert (result.exit_code, "the endpoint is not valid" in result.stderr) == (outcome.WRONG_USE, True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("no"), outcome.WRONG_USE),
        (TransferError("no"), outcome.FAILED),
        (FileNotFoundError(2, "no", "f"), outcome.FAILED),
    ],
)  # fmt: skip
def test_errors_are_one_line(error: Exception, code: int) -> None:
    """With the command's name, and the exit code of their kind."""

    def work(flags: Flags, **_: object) -> None:
        raise error

    result = ran(work)
    assert result.exit_code == code
    assert (result.stderr.startswith("try: "), result.stderr.count("\n")) == (True, 1)


def test_target_replaces_the_key_as_a_whole() -> None:
    """What --to says of the key leaves nothing of the source's; other options stay."""
    flags = Flags(given={"kmsKeyId": "k", "context": "{}", "legacy": "wraps"})
    assert flags.towards(["keyring=aes", "key-file=f"]).given == {"legacy": "wraps", "keyring": "aes", "keyFile": "f"}
    assert flags.towards(["format=emrfs"]).given == {**flags.given, "profile": "emrfs"}
    with pytest.raises(SettingsError, match="OPTION=VALUE"):
        flags.towards(["keyfil=x"])


def test_profile_counts_more_than_credentials_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As for the AWS CLI; and all is as before afterwards."""
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id=THEIRS\naws_secret_access_key=x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OURS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_PROFILE", "other")
    with as_profile("work"):
        import boto3

        assert boto3.session.Session().get_credentials().access_key == "THEIRS"
    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_PROFILE"]) == ("OURS", "other")
