"""Both servers as one thing: started together, stopped together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from s3cse.errors import SettingsError
from s3cse.local import clients
from s3cse.local.clients import Credentials
from s3cse.local.kms import Kms, await_kms, launch_kms
from s3cse.local.process import ServerProcess
from s3cse.local.seaweed import Seaweed, start_seaweed

_UNCHECKED = Credentials("s3cse-local", "unchecked-by-moto")
_ALIAS = "alias/"


class Servers:
    """Running servers and how to reach them. Made by :func:`start`; a context manager that stops them."""

    def __init__(self, seaweed: Seaweed | None, kms: Kms | None, stack: ExitStack) -> None:
        self._seaweed = seaweed
        self._kms = kms
        self._stack = stack
        self._credentials = seaweed.credentials if seaweed else _UNCHECKED

    @property
    def s3_url(self) -> str:
        """``http://127.0.0.1:PORT`` of the S3 server."""
        return _started(self._seaweed, "s3").url

    @property
    def kms_url(self) -> str:
        """``http://127.0.0.1:PORT`` of the KMS server."""
        return _started(self._kms, "kms").url

    @property
    def region(self) -> str:
        """The only region there is."""
        return clients.REGION

    @property
    def access_key(self) -> str:
        """The access key id that the S3 server knows."""
        return self._credentials.access_key

    @property
    def secret_key(self) -> str:
        """Its secret, new with each start."""
        return self._credentials.secret_key

    def environment(self) -> dict[str, str]:
        """Return the variables that point the AWS SDKs of another process here."""
        endpoints = {
            "AWS_ENDPOINT_URL_S3": self._seaweed and self._seaweed.url,
            "AWS_ENDPOINT_URL_KMS": self._kms and self._kms.url,
            # moto answers for these there, too.
            "AWS_ENDPOINT_URL_GLUE": self._kms and self._kms.url,
            "AWS_ENDPOINT_URL_ATHENA": self._kms and self._kms.url,
        }
        return {
            **{name: url for name, url in endpoints.items() if url},
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def s3_client(self, url: str | None = None, *, retries: int = 3) -> Any:
        """Return a new boto3 S3 client.

        Args:
            url: of a proxy in front of the server.
            retries: how often a failed request is repeated.
        """
        return clients.s3_client(url or self.s3_url, self._credentials, retries=retries)

    def kms_client(self, url: str | None = None, *, retries: int = 3) -> Any:
        """Return a new boto3 KMS client; arguments as for :meth:`s3_client`."""
        return clients.kms_client(url or self.kms_url, self._credentials, retries=retries)

    def glue_client(self) -> Any:
        """Return a new boto3 client of the Glue catalog that moto keeps."""
        return clients.moto_client("glue", self.kms_url, self._credentials)

    def athena_client(self) -> Any:
        """Return a new boto3 client of moto's Athena, which runs nothing: it answers with results that it was given."""
        return clients.moto_client("athena", self.kms_url, self._credentials)

    def create_bucket(self, name: str) -> str:
        """Create a bucket (its name has 3 to 63 characters) and return its name."""
        client = self.s3_client()
        try:
            client.create_bucket(Bucket=name)
        finally:
            client.close()
        return name

    def create_key(self, alias: str | None = None) -> str:
        """Create a KMS key and return its ARN.

        Args:
            alias: a name for it, with or without ``alias/``.
        """
        client = self.kms_client()
        try:
            metadata = client.create_key()["KeyMetadata"]
            if alias is not None:
                client.create_alias(AliasName=_ALIAS + alias.removeprefix(_ALIAS), TargetKeyId=metadata["KeyId"])
        finally:
            client.close()
        return str(metadata["Arn"])

    def running(self) -> bool:
        """Tell whether no server has ended by itself, and :meth:`stop` was not called."""
        return not any(process.ended() for process in self._processes())

    def _processes(self) -> list[ServerProcess]:
        return [each.process for each in (self._seaweed, self._kms) if each is not None]

    def stop(self) -> None:
        """End the servers and remove their folders; idempotent, and without effect in a forked child."""
        self._stack.close()

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(*, s3: bool = True, kms: bool = True, directory: str | Path | None = None) -> Servers:
    """Start the servers and return once both take requests.

    That takes about four seconds, or nine when SeaweedFS's volume server misses its master's election (one in ten).

    They listen on 127.0.0.1 only, keep everything in folders of their own, and end with :meth:`Servers.stop` or with
    this process, however it ends; the folders go with them.

    Args:
        s3: start SeaweedFS.
        kms: start moto.
        directory: where the folders are made; the system's directory for temporary files if not given.

    Raises:
        SettingsError: the extra ``local`` is not installed, or nothing is to be started.
        TransferError: a server does not come up; the message has the end of its log.
    """
    if not (s3 or kms):
        raise SettingsError("nothing to start", expected="s3 or kms")
    make_folder = _folders(directory)
    with ExitStack() as stack:
        # moto loads while SeaweedFS starts.
        moto = launch_kms(make_folder) if kms else None
        if moto is not None:
            stack.callback(moto.process.stop)
        seaweed = start_seaweed(make_folder) if s3 else None
        if seaweed is not None:
            stack.callback(seaweed.process.stop)
        if moto is not None:
            await_kms(moto)
        return Servers(seaweed, moto, stack.pop_all())


def _folders(directory: str | Path | None) -> Callable[[], Path]:
    return lambda: Path(tempfile.mkdtemp(prefix="s3cse-local-", dir=directory))


def _started(server: Seaweed | Kms | None, option: str) -> Seaweed | Kms:
    if server is None:
        raise SettingsError(f"this server was not started: call start({option}=True)")
    return server
