"""``s3cse keys check``: objects in danger because of their key's state, before it is too late."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.keys.source import Wanted, kms_of, whole, with_wanted
from s3cse.errors import printable

if TYPE_CHECKING:
    from typing import Any

    from s3cse.keyrings.kms_key_state import KmsKeyState
    from s3cse.keys.dangers import KeyHealth


@with_flags("keys check", keys=True, long=True)
@with_wanted()
def check_command(flags: Flags, wanted: Wanted) -> None:
    """Ask KMS in what state the keys of objects are.

    Exit code 3: some are in danger, or KMS does not say. 1: none is known to be, but not every object was checked.
    """
    from s3cse.cli.keys.report import plural
    from s3cse.keyrings.kms_key_state import key_state, region_of
    from s3cse.keys.dangers import check_keys

    inventory = whole(wanted, flags)
    about = wanted.address if wanted.is_fresh else _some_place(inventory)

    @lru_cache
    def client(region: str | None) -> Any:
        return kms_of(flags, about, region)

    def ask(name: str) -> KmsKeyState:
        return key_state(client(region_of(name)), name)

    health = check_keys(inventory, ask)
    for key in health.keys:
        _print(key, as_json=flags.as_json)
    if not health.keys:
        outcome.say("no object names a KMS key")
    if health.unknown:
        outcome.say(
            f"not checked: {plural(health.unknown, 'object')} under KMS keys that they do not name (--probe asks KMS)"
        )
    if health.unreadable:
        outcome.say(f"not checked: {plural(health.unreadable, 'object')} that could not be read")
    if not health.well:
        raise typer.Exit(outcome.DAMAGED)
    if not health.complete:
        raise typer.Exit(outcome.FAILED)


def _some_place(inventory: Any) -> str:
    return f"s3://{inventory['bucket'][0].as_py()}/" if inventory.num_rows else "s3://none/"


def _print(key: KeyHealth, *, as_json: bool) -> None:
    state = key.state
    if as_json:
        from s3cse.cli.keys.report import print_json

        print_json(
            {
                "key": state.name,
                "arn": state.arn,
                "status": state.status,
                "in_danger": key.in_danger,
                "deletion_date": state.deletion_date,
                "aliases": None if state.aliases is None else list(state.aliases),
                "relatives": {relative.name: relative.status for relative in key.relatives} or list(state.related),
                "objects": key.lost,
                "stored_bytes": key.stored_bytes,
                "shared_objects": key.shared,
                "detail": state.detail,
            }
        )
        return
    mark = "DANGER " if key.in_danger else "unknown" if key.untold else "ok     "
    text = f"{mark} {state.status:<16} {key.lost:>8,} objects {key.stored_bytes:>16,} B  {printable(state.name)}"
    if state.aliases:
        text += f"  ({', '.join(map(printable, state.aliases))})"
    typer.echo(text)
    for remark in _remarks(key):
        typer.echo(f"        {remark}")


def _remarks(key: KeyHealth) -> list[str]:
    state = key.state
    remarks = []
    if state.deletion_date is not None:
        remarks.append(
            f"KMS deletes it on {state.deletion_date:%Y-%m-%d %H:%M %Z}. To keep it: "
            f"aws kms cancel-key-deletion --key-id {state.arn}, then aws kms enable-key --key-id {state.arn}"
        )
    if key.rescued:
        relatives = ", ".join(relative.name for relative in key.relatives if relative.usable)
        remarks.append(f"the same multi-Region key still works as {relatives}: name that one to read")
    if key.untold and state.detail:
        remarks.append(printable(state.detail))
    if key.shared:
        remarks.append(f"{key.shared:,} messages name it beside other keys")
    return remarks
