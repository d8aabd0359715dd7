"""``s3cse keys``: what is asked wrongly."""

from __future__ import annotations

import pytest

from cli.keys.conftest import Run
from s3cse.local import Servers


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ls", "nothing"), "no such inventory"),
        (("ls", "s3://lake/", "--by", "colour"), "--by has no such value"),
        (("ls", "s3://lake/", "--by", "key", "--legacy"), "several things"),
        (("ls", "s3://lake/", "--table", "--all-versions"), "do not go together"),
        (("ls", "s3://lake/", "--probe-key", "x"), "without --probe"),
        (("ls", "s3://lake/", "--probe", "guess"), "no such way"),
        (("ls", "s3://lake/", "--open"), "no key was named"),
        (("shred", "s3://lake/", "--key", ""), "no key was named"),
        (("shred", "s3://lake/", "--key", "k", "--uploads-older-than", "soon"), "soon"),
    ],
)
def test_wrong_use(keys: Run, servers: Servers, lake_bucket: str, arguments: tuple[str, ...], said: str) -> None:
    """What is asked wrongly ends with 2, and one line that says so."""
    done = keys(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
