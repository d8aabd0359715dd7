"""Change the keys of SSE-C objects: python rekey_sse_c.py s3://bucket/folder/ --old-key-file OLD --new-key-file NEW

S3 decrypts and encrypts; no data comes here. Objects keep their bytes, metadata, content type, tags and storage class.
What opens with its new key already is left alone: run it again until nothing fails. --dry-run only looks. A key file
holds 32 bytes, or as many in base64 or hexadecimal; with "derived" it is the root key that each object's own is derived
from. In a bucket with versions, old versions stay under the old key. Exit code 0: all objects have their new key; 1:
some have not, or something failed; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict

from s3cse.errors import S3CSEError, SettingsError
from s3cse.keyrings.configured import CUSTOMER_KEYS, KeyringSettings, make_customer_keys
from s3cse.keyrings.customer_keys import CustomerKeys
from s3cse.keys.customer_rekey import ALREADY, FAILED, PARALLEL, REKEYED, WOULD, Rekeyed, rekey
from s3cse.storage.port import Location
from s3cse.storage.s3 import s3_client

DONE, NOT_WELL, WRONG_USE = 0, 1, 2
_OUTCOMES = (REKEYED, WOULD, ALREADY, FAILED)


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="ADDRESS", help="s3://bucket/folder/, one object, or a bucket")
    for which in ("old", "new"):
        place = parser.add_mutually_exclusive_group(required=True)
        place.add_argument(f"--{which}-key-file", metavar="FILE", help=f"file with the {which} key, or its S3 address")
        place.add_argument(f"--{which}-key-env", metavar="NAME", help="environment variable with it")
        parser.add_argument(
            f"--{which}-keys",
            choices=CUSTOMER_KEYS,
            default=CUSTOMER_KEYS[0],
            help="one: it is every object's key (default); derived: each object's own is derived from it",
        )
    parser.add_argument("--parallel", type=int, default=PARALLEL, metavar="N", help="objects at once (default: 16)")
    parser.add_argument("--dry-run", action="store_true", help="only look: what would be done, what cannot be")
    parser.add_argument("--json", action="store_true", help="one JSON object per object, and one for all")
    parser.add_argument("--region", metavar="REGION", help="AWS Region of the bucket (default: as boto3 finds it)")
    parser.add_argument("--endpoint-url", metavar="URL", help="another S3 server than AWS; https, or on this machine")
    return parser


def customer_keys(arguments: argparse.Namespace, which: str) -> CustomerKeys:
    """Return the keys that the flags ``--old-…`` or ``--new-…`` mean.

    Raises:
        SettingsError: a key cannot be read, or is none.
    """
    file, variable, kind = (getattr(arguments, f"{which}_{name}") for name in ("key_file", "key_env", "keys"))
    settings = KeyringSettings(kind="aes", key_file=file, key_env=variable, region=arguments.region, customer_keys=kind)
    return make_customer_keys(settings)


def print_row(row: Rekeyed, as_json: bool) -> None:
    """Print what became of one object."""
    if as_json:
        print(json.dumps(asdict(row)))
        return
    print(f"{row.outcome:<17} {row.stored_bytes:>14,} B  {row.uri}")
    if row.error:
        print(f"{'':<17} {row.error}")


def rekey_all(arguments: argparse.Namespace) -> int:
    """Do the job's work and return its exit code."""
    folder = Location.parse(arguments.folder)
    if arguments.parallel < 1:
        raise SettingsError("--parallel is no number of objects", found=str(arguments.parallel), expected="1 or more")
    old, new = customer_keys(arguments, "old"), customer_keys(arguments, "new")
    connections = arguments.parallel + 4  # parts of long objects have some of their own
    s3 = s3_client(arguments.region, arguments.endpoint_url, max_connections=connections)
    counts: Counter[str] = Counter()
    stored_bytes: Counter[str] = Counter()
    for row in rekey(s3, folder, old, new, parallel=arguments.parallel, dry_run=arguments.dry_run):
        print_row(row, arguments.json)
        counts[row.outcome] += 1
        stored_bytes[row.outcome] += row.stored_bytes
    if arguments.json:
        print(json.dumps({"folder": folder.uri, "objects": counts, "stored_bytes": stored_bytes}))
    else:
        shown = [f"{counts[name]} {name} ({stored_bytes[name]:,} B)" for name in _OUTCOMES if counts[name]]
        print(f"{folder.uri}: {', '.join(shown) or 'no objects'}")
    return NOT_WELL if counts[FAILED] or counts[WOULD] else DONE


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    try:
        return rekey_all(arguments)
    except S3CSEError as error:
        print(f"rekey_sse_c: {error}", file=sys.stderr)
        return WRONG_USE if isinstance(error, SettingsError) else NOT_WELL


if __name__ == "__main__":
    sys.exit(main())
