"""Where ``s3cse keys`` takes an inventory from: objects in S3, or an inventory that was written before."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s3cse.cli.interface.flags import Flags
from s3cse.cli.interface.progress import progress
from s3cse.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

    from s3cse.keyrings.kms_probe import KmsProbe
    from s3cse.keys.found import Source
    from s3cse.keys.inspection import Inspection
    from s3cse.keys.inventory import InventoryBatch
    from s3cse.storage.s3 import S3Store

_PANEL = "How closely objects are looked at"
_MANIFEST = "manifest.json"

_Address = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        help="s3://bucket/folder/, the manifest.json of an S3 Inventory report, or an inventory that --output wrote.",
    ),
]
_AsTable = Annotated[bool, typer.Option("--table", help="ADDRESS is a table: its data files only.")]
_AllVersions = Annotated[
    bool, typer.Option("--all-versions", help="All versions of the objects, and delete markers, not only today's.")
]
_Look = Annotated[
    bool,
    typer.Option(
        "--look",
        help="Read the first bytes of objects without an envelope, to find AWS Encryption SDK messages: a GET each.",
        rich_help_panel=_PANEL,
    ),
]
_Probe = Annotated[
    str | None,
    typer.Option(
        "--probe",
        metavar="HOW",
        help="Ask KMS for the keys of objects that name none, a call each: decrypt (the data key comes here, and is "
        "dropped) | re-encrypt (it stays in KMS) | dry-run (for each key that --probe-key names).",
        rich_help_panel=_PANEL,
    ),
]
_ProbeKey = Annotated[
    list[str] | None,
    typer.Option(
        "--probe-key",
        metavar="KEY",
        help="With dry-run: a key that it may be, may be repeated. With re-encrypt: the key to encrypt to.",
        rich_help_panel=_PANEL,
    ),
]
_KmsRate = Annotated[
    float | None,
    typer.Option(
        "--kms-rate",
        metavar="N",
        help="KMS requests per second at most: the quota is the whole account's.",
        rich_help_panel=_PANEL,
    ),
]
_Open = Annotated[
    bool,
    typer.Option(
        "--open",
        help="Try to open every object with the key that the flags name: a GET or two and a call each. Tells whether "
        "it opens, its exact length, and whether it carries a segment index.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an inventory is to be made of, as the flags said: each field is one, see ``with_wanted``."""

    address: _Address
    table: _AsTable = False
    all_versions: _AllVersions = False
    look: _Look = False
    probe: _Probe = None
    probe_key: _ProbeKey = None
    kms_rate: _KmsRate = None
    open: _Open = False

    @property
    def is_fresh(self) -> bool:
        """Whether objects in S3 are to be looked at; else it is an inventory that exists."""
        return "://" in self.address

    @property
    def about(self) -> str:
        """The inventory in words that change with everything that changes it."""
        keys = sorted(self.probe_key or ())
        return json.dumps((self.address, self.table, self.all_versions, self.look, self.probe, keys, self.open))


def with_wanted(*, opens: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the address of an inventory and its flags; the command's parameter ``wanted`` becomes all of them.

    Args:
        opens: with ``--open``.
    """
    flags = inspect.signature(Wanted, eval_str=True).parameters
    names = [name for name in flags if opens or name != "open"]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapper(**values: Any) -> None:
            said = {name: values.pop(name) for name in names}
            function(**values, wanted=Wanted(**said))

        own = inspect.signature(function, eval_str=True).parameters.values()
        parameters = [*(each for each in own if each.name != "wanted"), *(flags[name] for name in names)]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def batches(wanted: Wanted, flags: Flags, token: str | None = None) -> Iterator[InventoryBatch]:
    """Look at the objects; a page at a time.

    Raises:
        SettingsError: flags that do not go together.
        TransferError: S3 does not list them.
    """
    from s3cse.keys.inventory import inventory
    from s3cse.storage.port import Location

    place = Location.parse(wanted.address)
    store = flags.store(place)
    source, inspection = _source(store, place.key, wanted), _inspection(store, wanted, flags)
    with progress(flags.quiet, of_bytes=False) as meter:
        for batch in inventory(source, inspection, token):
            meter.expect(files=batch.rows.num_rows)
            meter.done(batch.rows.num_rows)
            yield batch


def whole(wanted: Wanted, flags: Flags) -> pa.Table:
    """Return the inventory as one table: read from where it was written, or made now.

    Raises:
        SettingsError: it is no inventory, or not a finished one.
    """
    from s3cse.keys.inventory import read_all

    return read_all(batches(wanted, flags)) if wanted.is_fresh else read_inventory(Path(wanted.address))


def read_inventory(path: Path) -> pa.Table:
    """Return an inventory from a local file or folder.

    Raises:
        SettingsError: there is none, or not a finished one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from s3cse.keys.inventory import checked
    from s3cse.keys.parts import LocalFolder, read_parts

    if path.is_dir():
        return read_parts(LocalFolder(path))
    if not path.exists():
        raise SettingsError(
            "there is no such inventory", found=str(path), expected="s3://bucket/prefix, or what --output wrote"
        )
    try:
        return checked(pq.read_table(path))
    except pa.ArrowException as error:
        raise SettingsError("this is no inventory", found=str(path), expected="a Parquet file") from error


def _source(store: S3Store, key: str, wanted: Wanted) -> Source:
    from s3cse.keys.found import Prefix, Table, Versions
    from s3cse.keys.s3_inventory import S3InventoryReport
    from s3cse.storage.port import Location

    place = Location.parse(wanted.address)
    report = key == _MANIFEST or key.endswith("/" + _MANIFEST)
    if report + wanted.table + wanted.all_versions > 1:
        raise SettingsError(
            "the flags do not go together",
            found=wanted.address,
            expected="one of: a report's manifest.json, --table, --all-versions",
        )
    if report:
        return S3InventoryReport(store, place)
    if wanted.table:
        return Table(store, place)
    return Versions(store, place) if wanted.all_versions else Prefix(store, place)


def _inspection(store: S3Store, wanted: Wanted, flags: Flags) -> Inspection:
    from s3cse.keys.inspection import Inspection
    from s3cse.keys.rate_limit import RateLimit

    keyring = flags.keyring(wanted.address) if wanted.open else None
    said = flags.options(wanted.address).keyring if wanted.open else None
    limit = RateLimit(wanted.kms_rate)
    return Inspection(
        store=store,
        look_inside=wanted.look,
        probe=_probe(wanted, flags),
        keyring=keyring,
        keyring_key=said.kms_key_id if said is not None and said.kind == "kms" else None,
        kms_limit=limit,
    )


def _probe(wanted: Wanted, flags: Flags) -> KmsProbe | None:
    from s3cse.keyrings.kms_probe import KmsProbe

    if wanted.probe is None:
        if wanted.probe_key:
            raise SettingsError("--probe-key without --probe", fix="say how to ask: --probe dry-run")
        return None
    return KmsProbe(kms_of(flags, wanted.address), wanted.probe, wanted.probe_key or ())


def kms_of(flags: Flags, address: str, region: str | None = None) -> Any:
    """Return a client of KMS.

    Args:
        address: what the cluster's settings are asked about.
        region: None: the one that the flags say, or as boto3 finds it.
    """
    from s3cse.keyrings.kms import kms_client

    said = flags.options(address, key=False).keyring
    return kms_client(region or said.region_of_key, said.kms_endpoint_url)
