"""The flags of an inventory, which commands of ``s3cse keys`` share."""

from __future__ import annotations

from typing import Any

import typer
from typer.testing import CliRunner

from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.keys.source import Wanted, with_wanted

PLACE = "s3://lake/a/"
FLAGS = ["--table", "--all-versions", "--look", "--probe", "--probe-key", "--kms-rate"]


def ran(*arguments: str, opens: bool = False) -> tuple[Any, list[tuple[Wanted, str, str | None]]]:
    """Run a command that has these flags, the shared ones, and one of its own; return what it got."""
    app, got = typer.Typer(), []

    @app.command()
    @with_flags("try", long=True)
    @with_wanted(opens=opens)
    def command(flags: Flags, wanted: Wanted, name: str = "nobody") -> None:
        """Try the flags."""
        got.append((wanted, name, flags.region))

    return CliRunner().invoke(app, arguments), got


def test_an_address_is_enough() -> None:
    """Without flags nothing is looked at more closely."""
    result, got = ran(PLACE)
    assert result.exit_code == 0, result.stderr
    assert got == [(Wanted(address=PLACE), "nobody", None)]


def test_every_flag_becomes_what_is_wanted() -> None:
    """Each flag sets its own field; the command's own and the shared ones stay with them."""
    result, got = ran(
        PLACE, "--table", "--all-versions", "--look", "--probe", "dry-run", "--probe-key", "a", "--probe-key", "b",
        "--kms-rate", "2.5", "--open", "--name", "me", "--region", "eu-west-1", opens=True,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    wanted = Wanted(
        address=PLACE, table=True, all_versions=True, look=True, probe="dry-run", probe_key=["a", "b"], kms_rate=2.5,
        open=True,
    )  # fmt: skip
    assert got == [(wanted, "me", "eu-west-1")]


def test_only_some_commands_open() -> None:
    """--open is no flag where it was not asked for; the others are, and an address is needed."""
    assert ran(PLACE, "--open")[0].exit_code == 2
    assert ran()[0].exit_code == 2
    shown = ran("--help")[0].stdout
    assert "--open" not in shown
    assert all(flag in shown for flag in FLAGS)
    assert "--open" in ran("--help", opens=True)[0].stdout


def test_no_key_asked_about_is_as_none() -> None:
    """An inventory goes on as the same where the flag is not given, however that is spelled; and keys have no order."""
    assert Wanted(address=PLACE, probe_key=[]).about == Wanted(address=PLACE).about
    assert Wanted(address=PLACE, probe_key=["a", "b"]).about == Wanted(address=PLACE, probe_key=["b", "a"]).about
    assert Wanted(address=PLACE, probe_key=["a"]).about != Wanted(address=PLACE).about
