"""The flags that commands share: one decorator gives a command the options of objects, and one object holds them.

    @command.command()
    @with_flags("cat", reads=True)
    def cat(address: Address, flags: Flags) -> None:
        client = flags.client(address)

Each option of :mod:`s3cse.options.objects` is a flag in kebab case, ``profile`` excepted: as for the AWS CLI,
``--profile`` names credentials, and what is written is ``--format``. Defaults are those of the options.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s3cse.cli.interface import connection, outcome
from s3cse.cli.interface.spelling import flag
from s3cse.errors import SettingsError
from s3cse.options.help import HELP

if TYPE_CHECKING:
    from s3cse.client import Client
    from s3cse.keyrings import Keyring
    from s3cse.options.objects import ObjectOptions
    from s3cse.storage.port import Location
    from s3cse.storage.s3 import S3Store

_KEY, _MORE, _RULES, _WRITTEN = "Key", "More about keys", "What may be read", "What is written"
_KEYS = {
    "keyring": _KEY,
    "kmsKeyId": _KEY,
    "keyFile": _KEY,
    "keyEnv": _KEY,
    "context": _KEY,
    "provider": _MORE,
    "keyNamespace": _MORE,
    "keyName": _MORE,
    "customerKeys": _MORE,
    "kmsRegion": _MORE,
    "kmsAccounts": _MORE,
    "kmsRegions": _MORE,
    "kmsEndpointUrl": _MORE,
    "clusterSettings": _MORE,
}
# The format too: SSE-C and messages must be named, or save a request (s3cse.options.profile_rules).
_READING = dict.fromkeys(("profile", "integrity", "legacy", "commitment", "plaintext"), _RULES)
_WRITING = dict.fromkeys(("profile", "storage", "frameBytes"), _WRITTEN)
#: What a value means where options differ between commands: whole objects can be streamed, tables cannot.
_HELP = {
    **HELP,
    "keyFile": "file with the raw AES or RSA key (PEM, DER, base64 or bytes), or its S3 address",
    "keyEnv": "environment variable with that key",
    "integrity": "strict (default) | verify-indexed | none | stream",
    "plaintext": "refuse (default) | pass: objects that are not encrypted",
    "clusterSettings": "use (default): emrfs-site.xml and core-site.xml count where you say nothing | ignore",
}

Target = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="OPTION=VALUE",
        help="An option that is another for what is written, like kms-key-id=alias/new. May be repeated; "
        "options of the key count together.",
        rich_help_panel=_WRITTEN,
    ),
]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the shared flags said.

    Args:
        given: options of objects by their names, those that were given.
        region: None: S3CSE_REGION, or as boto3 finds it.
        endpoint_url: None: S3CSE_ENDPOINTURL, or as boto3 finds it.
        as_json: results as JSON, an object per line.
        quiet: no progress, and no line per object.
    """

    given: Mapping[str, str]
    region: str | None = None
    endpoint_url: str | None = None
    as_json: bool = False
    quiet: bool = False

    def options(self, address: str, *, key: bool = True) -> ObjectOptions:
        """Validate the options for an address (``s3://bucket/…``).

        Args:
            key: whether one must be named; without, the key is looked for when something is to be opened.

        Raises:
            SettingsError: a bad value, no key, or a cluster's settings that are wrong.
        """
        from s3cse.options.objects import parse_object_options

        return parse_object_options(self._given(), address, key=key)

    def _given(self) -> dict[str, str]:
        places = {"region": self.region, "endpointUrl": self.endpoint_url}
        return {**self.given, **{name: value for name, value in places.items() if value is not None}}

    def client(self, address: str, *, key: bool = True) -> Client:
        """Return a client for an address; no request is sent. Errors as ``options``, and the key cannot be read."""
        from s3cse.cli.interface.late_keyring import LateKeyring
        from s3cse.options.objects import open_client

        options = self.options(address, key=key)
        with _endpoint_explained(options.endpoint_url):
            return open_client(options, None if key else LateKeyring(options.keyring))

    def keyring(self, address: str) -> Keyring:
        """Return the keyring for an address, which remembers what it unwrapped. Errors as ``client``."""
        from s3cse.keyrings import CachingKeyring
        from s3cse.keyrings.configured import make_keyring

        return CachingKeyring(make_keyring(self.options(address).keyring))

    def store(self, place: Location) -> S3Store:
        """Return the store alone, for what needs no key.

        Raises:
            SettingsError: the endpoint is no address.
            TransferError: boto3's own settings are not valid.
        """
        region = self.region or os.environ.get("S3CSE_REGION") or None
        return connection.open_store(place, region, self.endpoint_url or os.environ.get("S3CSE_ENDPOINTURL") or None)

    def towards(self, target: Sequence[str] | None) -> Flags:
        """Return the flags for what is written, where ``--to`` says that they are others.

        Options of the key belong together: where one of them is given, none of the source's counts.

        Raises:
            SettingsError: no OPTION=VALUE, or no such option.
        """
        if not target:
            return self
        known = {flag(name).removeprefix("--"): name for name in (*_KEYS, *_WRITING)}
        said: dict[str, str] = {}
        for text in target:
            word, equals, value = text.partition("=")
            name = known.get(word, word if word in known.values() else None)
            if not equals or name is None:
                raise SettingsError(
                    "--to is not understood", found=repr(text), expected=f"OPTION=VALUE with {' | '.join(known)}"
                )
            said[name] = value
        kept = self.given
        if any(name in _KEYS for name in said):
            kept = {name: value for name, value in kept.items() if name not in _KEYS}
        return replace(self, given={**kept, **said})


@contextmanager
def _endpoint_explained(endpoint_url: str | None) -> Iterator[None]:
    try:
        yield
    except SettingsError:
        raise
    except ValueError as error:  # botocore's plain word for an address that is none
        raise connection.no_endpoint(endpoint_url) from error


def with_flags(
    command: str, *, keys: bool = False, reads: bool = False, writes: bool = False, long: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags it shares with others, and explain its errors in one line.

    Its parameter ``flags`` becomes these flags: always ``--json`` and the connection.

    Args:
        command: its name in messages.
        keys: flags of the key; ``reads`` and ``writes`` have them too.
        reads: and the rules for what may be read.
        writes: and what is written.
        long: it may take a while: ``--quiet``.
    """
    names = dict(_KEYS) if keys or reads or writes else {}
    names |= (_READING if reads else {}) | (_WRITING if writes else {})

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapper(**values: Any) -> None:
            given = {name: values.pop(_parameter(name)) for name in names}
            flags = Flags(
                given={name: value for name, value in given.items() if value is not None},
                region=values.pop("region"),
                endpoint_url=values.pop("endpoint_url"),
                as_json=values.pop("as_json"),
                quiet=values.pop("quiet", False),
            )
            with outcome.explained(command), connection.as_profile(values.pop("aws_profile")):
                function(**values, flags=flags)

        own = inspect.signature(function, eval_str=True).parameters.values()
        shared = [*(_shared(name, panel) for name, panel in names.items()), *_general(long)]
        parameters = [*(each for each in own if each.name != "flags"), *shared]
        # typer makes flags of what it finds here; the wrapped function is nothing it should look at.
        wrapper.__signature__ = inspect.Signature(_keyword_only(parameters))  # type: ignore[attr-defined]
        wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
        del wrapper.__wrapped__
        return wrapper

    return decorate


def _keyword_only(parameters: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]


def _parameter(name: str) -> str:
    return f"option_{name.lower()}"


def _shared(name: str, panel: str) -> inspect.Parameter:
    option = typer.Option(flag(name), metavar="VALUE", help=_HELP[name], rich_help_panel=panel)
    return _optional(_parameter(name), Annotated[str | None, option], None)


def _general(long: bool) -> list[inspect.Parameter]:
    as_json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
    quiet = Annotated[bool, typer.Option("--quiet", help="No progress, and no line per object.")]
    return [
        _optional("as_json", as_json, False),
        *([_optional("quiet", quiet, False)] if long else []),
        _optional("region", connection.Region, None),
        _optional("endpoint_url", connection.EndpointUrl, None),
        _optional("aws_profile", connection.AwsProfile, None),
    ]


def _optional(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
