"""Peak memory of writing and reading one 1 GiB object, beyond what the process needed before.

    python bench/memory.py [--mib 1024] [--json]

Each case runs in a fresh process against SeaweedFS; the peak is the kernel's high-water mark of the resident set.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring, kms_client
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.objects.upload import ObjectWriter, complete
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client

BUCKET, ALIAS = "bench", "alias/bench"
CHUNK = os.urandom(1 << 20)


def peak() -> int:
    """Return the highest resident set so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write(profile: str, mib: int) -> None:
    """Write an object of this many MiB, its length unknown beforehand."""
    store, keyring = S3Store(s3_client()), KmsKeyring(kms_client(), ALIAS)
    with ObjectWriter(store, Location(BUCKET, profile), keyring, find_profile(profile, "kms")) as writer:
        for _ in range(mib):
            writer.write(CHUNK)
        complete(store, writer.finish())


def read(profile: str, mib: int) -> None:
    """Read the object whole and check its length."""
    store, keyring = S3Store(s3_client()), KmsKeyring(kms_client(), ALIAS)
    opened = open_object(store, keyring, Location(BUCKET, profile), Policy(legacy="allow"))
    if read_whole(opened).size != mib << 20:
        raise SystemExit("wrong length")


def child(action: str, profile: str, mib: int) -> None:
    """Measure one case in this process and print it."""
    S3Store(s3_client()).head(Location(BUCKET, "nothing"))  # imports and connections count as base
    base, started = peak(), time.perf_counter()
    {"write": write, "read": read}[action](profile, mib)
    seconds = time.perf_counter() - started
    print(json.dumps({"extra_mib": (peak() - base) / (1 << 20), "seconds": seconds}))


def main() -> int:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, metavar=("ACTION", "PROFILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child, arguments.mib)
        return 0
    with s3cse.local.start() as servers:
        servers.create_bucket(BUCKET)
        servers.create_key(ALIAS)
        for profile in ("emrfs-v2", "emrfs"):
            for action in ("write", "read"):
                measure(action, profile, arguments, {**os.environ, **servers.environment()})
    return 0


def measure(action: str, profile: str, arguments: argparse.Namespace, environment: dict[str, str]) -> None:
    """Run one case in a fresh process and print it."""
    command = [sys.executable, __file__, "--mib", str(arguments.mib), "--child", action, profile]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    case = f"{action} {arguments.mib} MiB whole, {profile}"
    extra, speed = result["extra_mib"], arguments.mib * 1.048576 / result["seconds"]
    if arguments.json:
        ratio = round(extra / arguments.mib, 2)
        line = {
            "case": case,
            "value": round(extra),
            "unit": "MiB extra",
            "ratio": ratio,
            "against": "the object's size",
        }
        print(json.dumps(line))
    else:
        print(f"{case:<40} {extra:7.0f} MiB extra at the peak, {speed:.0f} MB/s with SeaweedFS")


if __name__ == "__main__":
    sys.exit(main())
