"""Write the documents that are made from the code; ``--check`` compares them instead."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from s3cse.envelope.model import ContentAlgorithm
from s3cse.envelope.profiles import PROFILES
from s3cse.options.help import HELP
from s3cse.options.words import SPELLING
from s3cse.settings import emrfs, s3a
from s3cse.spark.flags import kebab

_INTRODUCTION = """\
On a reader or writer: `.option("kmsKeyId", "alias/flights")`, in any letter case. Through `s3cse.spark.read` and
`write`: keyword arguments, and what is not given comes from `spark.s3cse.<option>`, then from
[the cluster's settings](settings.md), then from the environment as `S3CSE_` and the option in capitals
(`S3CSE_KMSKEYID`). A bare `.format("s3cse")` sees options, the cluster's files and environment: Spark's planner process
has no session. An unknown option is an error."""
_AFTERWORD = """\
Reading never asks for a profile: the object says what it is. But `sse-c` is named, because the key must be sent; and
`encryption-sdk` may be, which saves requests ([client](client.md)). A table for Athena, Trino or S3A carries no
`context` (they send exactly the reserved entry) and no instruction files; of keys they know only those of KMS. The
official clients' commitment policies are FORBID_ENCRYPT_ALLOW_DECRYPT = profile `emrfs-v2` with `commitment=allow`,
REQUIRE_ENCRYPT_ALLOW_DECRYPT = `s3ec-v4` with `allow`, REQUIRE_ENCRYPT_REQUIRE_DECRYPT = `s3ec-v4` with `require`."""
_BODIES = {
    ContentAlgorithm.AES_CBC: "AES-256-CBC",
    ContentAlgorithm.AES_GCM: "AES-256-GCM",
    ContentAlgorithm.AES_GCM_COMMITTING: "AES-256-GCM, key commitment",
}
_MATRIX = """\
## Real clients, both ways

What `make interop` found last (`tests/interop/results.json`): a row stands for objects of 0, 1, 16 and 1000 bytes and
of 5 MiB + 1, the last one as a multipart upload where the client has them. *We read*: what the client wrote in this
mode, which s3cse opened byte for byte (`legacy=allow`). *It reads*: the profiles of s3cse that it opened byte for byte;
it refused the others, unless the row says something else. `+legacy` means a mode with all of the client's switches for
old objects on. Both places of the envelope, metadata and instruction file, unless the row names one."""
_S3A = """\
### Hadoop S3A with client-side encryption, `spark.read.parquet("s3a://…")`

Run by `tests/interop/test_s3a.py`, with `fs.s3a.encryption.algorithm=CSE-KMS`: tables of several files, in folders and
of many row groups, which have a segment index before the footer.

| S3A | client in it | Spark | it reads | we read what it wrote |
|---|---|---|---|---|
| hadoop-aws 3.4.2 | Java 3.5.0 (its own 3.1.1 is not to be had) | 4.1 | `emrfs-v2`; `emrfs` with \
`fs.s3a.encryption.cse.v1.compatibility.enabled=true` | V2 GCM `kms+context` |
| hadoop-aws 3.5.0 | Java 4.0.0 | 4.3 | `s3ec-v4`, with `fs.s3a.input.stream.type=classic` | V3 |

Each refuses the other's GCM profile, and that of 3.5.0 refuses `emrfs` too."""
DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "tests" / "interop" / "results.json"
JOBS = ("encrypt_table", "decrypt_table", "verify_table")
#: Who opens what a profile writes (FORMATS.md sections 2, 14, 17 to 19 of the project's notes); Athena, S3A and Trino
#: with KMS keys only.
_READERS = {
    "emrfs": "every EMRFS; Athena in both table modes; S3A of Hadoop up to 3.4.2 with v1 compatibility; S3 Encryption "
    "Clients of all generations with both legacy switches",
    "emrfs-v2": "EMRFS 5.31 and 6.2 or later with encryptionV2; Athena with a table key; S3A of Hadoop 3.3.2+ and "
    "3.4.2; S3 Encryption Clients 2 and 3, and 4 with commitment policy FORBID_ENCRYPT_ALLOW_DECRYPT",
    "redshift": "Redshift COPY with MASTER_SYMMETRIC_KEY, which AWS took away on April 30, 2026 (docs/redshift.md); "
    "the S3 encryption clients of the SDKs for Java and Ruby with their legacy switches",
    "s3ec-v4": "S3 Encryption Clients of generation 4 (C++, PHP and Ruby 3); S3A of Hadoop 3.4.3 and later",
}
#: The profiles outside the S3 client-side formats, as rows of the table.
_OTHERS = """\
| `encryption-sdk` | kms, aes, rsa | message v2 | AES-256-GCM in frames, key commitment (suite 0x0478; 0x0578 \
is signed) | the keyring's, one or several | yes, each frame | AWS Encryption SDKs of every language |
| `sse-c` | customer keys | – | S3 encrypts | – | by S3 | whatever sends the same key |"""


def options_page() -> str:
    """Return the page about options."""
    rows = [f"| `{name}` | {_flag(name)} | {HELP[name].replace('|', '/')} |" for name in SPELLING.values()]
    return "\n".join(
        [
            "# Options",
            "",
            "Made by `docs/generate.py` from the code; do not edit.",
            "",
            _INTRODUCTION,
            "",
            "| option | flag of the jobs | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _flag(name: str) -> str:
    """Return an option's flag and which jobs have it."""
    flag = f"--{kebab(name)}"
    having = [job for job in JOBS if flag in _flags(job)]
    if not having:
        return "–"
    return f"`{flag}`" if len(having) == len(JOBS) else f"`{flag}` ({', '.join(having)})"


@cache
def _flags(job: str) -> frozenset[str]:
    """Return the flags that a job's parser knows."""
    parser = runpy.run_path(str(DOCS.parent / "jobs" / f"{job}.py"))["make_parser"]()
    return frozenset(flag for action in parser._actions for flag in action.option_strings)


def compatibility_page() -> str:
    """Return the page about profiles and formats."""
    rows = [
        f"| `{profile.name}` | {profile.keyring} | {profile.format.value} | {_BODIES[profile.content_algorithm]} "
        f"| `{profile.wrap_algorithm}` | {'yes' if profile.content_algorithm.authenticated else 'no'} "
        f"| {_READERS[profile.name]} |"
        for profile in PROFILES
    ]
    return "\n".join(
        [
            "# What is written, and who opens it",
            "",
            "Made by `docs/generate.py` from the code and from the interop tests' results; do not edit.",
            "",
            "| profile | key | format | body | key wrap | authenticated | who else opens it |",
            "|---|---|---|---|---|---|---|",
            *rows,
            _OTHERS,
            "",
            _AFTERWORD,
            "",
            _MATRIX,
            "",
            *_matrix(json.loads(RESULTS.read_text())),
            _S3A,
            "",
        ]
    )


def _matrix(clients: dict[str, Any]) -> Iterator[str]:
    """Yield a section for each client of the interop tests."""
    for client in clients.values():
        if "not run" in client:
            yield from (f"### {client['title']}", "", f"Not run: {client['not run']}.", "")
            continue
        yield from (f"### {client['title']}: {client['version']}", "")
        yield from ("| mode | key | envelope | we read | it reads |", "|---|---|---|---|---|")
        for mode, keyrings in client["they_read"].items():
            for keyring, storages in keyrings.items():
                written = client["we_read"].get(mode, {}).get(keyring, {})
                yield from _matrix_rows(f"| {mode} | {keyring} ", storages, written)
        yield ""


def _matrix_rows(start: str, storages: dict[str, dict[str, str]], written: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield a row for each place of the envelope, or one for both where they are alike."""
    cells = {name: f"{_we_read(written.get(name))} | {_it_reads(found)}" for name, found in storages.items()}
    if len(set(cells.values())) == 1:
        yield f"{start}| both | {next(iter(cells.values()))} |"
    else:
        yield from (f"{start}| {storage} | {cell} |" for storage, cell in cells.items())


def _we_read(found: dict[str, str] | None) -> str:
    if found is None:
        return "–"
    return found["written"] if found["outcome"] == "reads" else f"**no**: {found['written']}"


def _it_reads(found: dict[str, str]) -> str:
    read = [f"`{profile}`" for profile, outcome in found.items() if outcome == "reads"]
    odd = [f"`{profile}` {outcome}" for profile, outcome in found.items() if outcome not in ("reads", "refuses")]
    return ", ".join(read or ["none"]) + "".join(f"; {each}" for each in odd)


def settings_page() -> str:
    """Return the page about a cluster's settings with its tables made anew; the rest is written by hand."""
    page = (DOCS / "settings.md").read_text()
    for name, meanings in (("emrfs", emrfs.MEANINGS), ("s3a", s3a.MEANINGS)):
        rows = "".join(f"| `{setting}` | {meaning} |\n" for setting, meaning in meanings.items())
        mark = f"<!-- made by docs/generate.py: {name} -->\n"
        table = f"{mark}| setting | what follows |\n|---|---|\n{rows}<!-- end -->"
        page = re.sub(f"{re.escape(mark)}.*?<!-- end -->", lambda _, table=table: table, page, count=1, flags=re.DOTALL)
    return page


PAGES = {"options.md": options_page, "compatibility.md": compatibility_page, "settings.md": settings_page}


def main() -> int:
    """Write or compare."""
    for name, page in PAGES.items():
        target = DOCS / name
        if "--check" not in sys.argv:
            target.write_text(page())
        elif not target.exists() or target.read_text() != page():
            sys.exit(f"docs/{name} is not what the code says: run python docs/generate.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
