"""``s3cse keys shred``: delete the objects of a key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.durations import parse_duration
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.keys.source import Wanted, whole, with_wanted
from s3cse.errors import printable

if TYPE_CHECKING:
    from s3cse.keys.shred_plan import ShredPlan
    from s3cse.keys.shredding import Shredded
    from s3cse.storage.port import Location


@with_flags("keys shred", keys=True, long=True)
@with_wanted()
def shred_command(
    flags: Flags,
    wanted: Wanted,
    key: Annotated[
        list[str],
        typer.Option(
            "--key",
            metavar="KEY",
            help="The key whose objects are deleted: id or ARN of a KMS key, or a raw key's fingerprint (sha256:…). "
            "May be repeated.",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Delete. Without it, only show what would go.")] = False,
    uncertain: Annotated[
        bool,
        typer.Option(
            "--uncertain",
            help="Delete, too, what names the key by an alias, which may have led elsewhere, and messages that "
            "another key opens as well.",
        ),
    ] = False,
    uploads_older_than: Annotated[
        str | None,
        typer.Option(
            "--uploads-older-than",
            metavar="AGE",
            help="Abort unfinished uploads to the deleted keys, too, if they are older, like 1d.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write what became of each as JSON lines, too.")
    ] = None,
) -> None:
    """Delete the objects of a key, with their instruction files. Shows what would go; --yes does it.

    Exit code 1: something is still there.
    """
    from s3cse.keys.shred_plan import plan_shredding

    before = None
    if uploads_older_than is not None:
        before = datetime.now(timezone.utc) - parse_duration(uploads_older_than)
    plan = plan_shredding(whole(wanted, flags), key, uncertain=uncertain)
    if not yes:
        _show(plan, flags)
        return
    if not plan.chosen.num_rows:
        _remarks(plan)
        outcome.say("nothing to delete")
        return
    _shred(plan, flags, report, before, all_versions=wanted.all_versions)


def _show(plan: ShredPlan, flags: Flags) -> None:
    from s3cse.cli.keys.report import plural, print_json, print_rows

    if flags.as_json:
        for row in plan.chosen.to_pylist():
            print_json({"would": "delete", **row})
    elif not flags.quiet:
        print_rows(plan.chosen, as_json=False)
    count = plural(plan.chosen.num_rows, "object")
    outcome.say(f"{count}, {plan.stored_bytes:,} bytes, would be deleted; --yes does it")
    _remarks(plan)


def _remarks(plan: ShredPlan) -> None:
    from s3cse.cli.keys.report import plural

    kept = (
        (plan.uncertain.num_rows, "an alias names the key, or another key opens it, too: --uncertain deletes those"),
        (plan.server_side.num_rows, "encrypted with it on S3's side only, SSE-KMS"),
        (plan.possible.num_rows, "no certain word of its key: --probe asks KMS, --look finds those of messages"),
        (plan.unreadable.num_rows, "could not be read"),
        (plan.not_looked.num_rows, "no envelope, may be a message: --look tells"),
    )
    for count, why in kept:
        if count:
            outcome.say(f"kept: {plural(count, 'object')} ({why})")


def _shred(plan: ShredPlan, flags: Flags, report: Path | None, before: datetime | None, *, all_versions: bool) -> None:
    from s3cse.cli.keys.report import print_json
    from s3cse.keys.shredding import shred

    counts: Counter[str] = Counter()
    left = 0
    with ExitStack() as stack:
        file = None if report is None else stack.enter_context(report.open("a", encoding="utf-8"))
        for done in shred(flags.store(_place(plan)), plan, all_versions=all_versions, uploads_before=before):
            counts[done.outcome] += 1
            left += not done.done
            if file is not None:
                import json

                file.write(json.dumps(asdict(done), ensure_ascii=False) + "\n")
            if flags.as_json:
                print_json(asdict(done))
            elif not done.done or not flags.quiet:
                typer.echo(_line(done))
    outcome.say(", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())))
    _remarks(plan)
    for line in _officer(plan):
        outcome.say(line)
    if counts["hidden"]:
        outcome.say("hidden: the bucket keeps versions, and the bytes are still there; --all-versions deletes them")
    if left:
        raise typer.Exit(outcome.FAILED)


def _place(plan: ShredPlan) -> Location:
    from s3cse.storage.port import Location

    return Location(plan.chosen["bucket"][0].as_py(), "")


def _line(done: Shredded) -> str:
    text = f"{done.outcome:<8} {done.what:<16} {printable(done.uri)}"
    text += f"?versionId={done.version_id}" if done.version_id else ""
    return text if done.error is None else f"{text}  ! {printable(done.error)}"


def _officer(plan: ShredPlan) -> Iterator[str]:
    from s3cse.keys.dangers import is_kms_name

    for key in plan.keys:
        if is_kms_name(key):
            yield (
                f"the key is untouched. To delete it, once nothing else needs it: aws kms schedule-key-deletion "
                f"--key-id {key} --pending-window-in-days 30"
            )
