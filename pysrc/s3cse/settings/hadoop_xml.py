"""Hadoop's configuration files: properties in XML, one file including others, values that may not be overridden.

What counts is what Hadoop's own ``Configuration`` makes of the same files (tests/spark/test_cluster_settings.py
compares the two), except that nothing is fetched over a network and no XML entity is expanded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from s3cse.errors import SettingsError
from s3cse.settings.model import Origin, Property
from s3cse.wording import Option, Worded

_XINCLUDE = "{http://www.w3.org/2001/XInclude}"
_INCLUDE, _FALLBACK = f"{_XINCLUDE}include", f"{_XINCLUDE}fallback"
_MOST_BYTES = 16 << 20  # no cluster's settings are larger; a data file named by mistake is not read into memory
_DEEPEST_INCLUDE = 16
_ASIDE = Option("clusterSettings", "ignore")


@dataclass(frozen=True, slots=True)
class Declared:
    """One ``<property>``: the value is None where its element is empty, which sets nothing."""

    name: str
    value: str | None = field(repr=False)
    final: bool
    origin: Origin


def merge(files: Iterable[Path]) -> list[Property]:
    """Read files, the later ones over the earlier ones, but for what an earlier one declares final.

    Raises:
        SettingsError: see ``declared_in``.
    """
    found: dict[str, Property] = {}
    final: set[str] = set()
    for path in files:
        for declared in declared_in(path):
            if declared.value is not None and declared.name not in final:
                found[declared.name] = Property(declared.name, declared.value, declared.origin)
            if declared.final:
                final.add(declared.name)
    return list(found.values())


def declared_in(path: Path) -> Iterator[Declared]:
    """Yield what a file and the files that it includes declare, in their order.

    Raises:
        SettingsError: a file cannot be read, is no XML, is no Hadoop configuration, has entities, or is included that
            is not there; naming the file.
    """
    try:
        yield from _of(_root(path), path, ())
    except RecursionError as error:
        raise _broken(path, "elements in one another without end") from error


def _root(path: Path) -> Element:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > _MOST_BYTES:
        raise _broken(path, f"more than {_MOST_BYTES >> 20} MiB")
    try:
        root: Element = fromstring(data)
    except DefusedXmlException as error:
        raise SettingsError(
            "a configuration file has XML entities, which are not expanded",
            found=f"{path}: {type(error).__name__}",
            expected="plain properties",
            fix="write the values out, or use ${name}, which Hadoop replaces",
        ) from error
    except (ParseError, ValueError, LookupError) as error:  # also: an encoding that does not exist or does not fit
        raise _broken(path, str(error)) from error
    if root.tag != "configuration":
        raise _broken(path, f"the element <{root.tag}>")
    return root


def _of(parent: Element, path: Path, outer: tuple[Path, ...]) -> Iterator[Declared]:
    for element in parent:
        if element.tag == "property":
            declared = _declared(element, path)
            if declared is not None:
                yield declared
        elif element.tag == "configuration":
            yield from _of(element, path, outer)
        elif element.tag == _INCLUDE:
            yield from _included(element, path, outer)


def _declared(element: Element, path: Path) -> Declared | None:
    """Return a property, whose parts are elements or attributes; None for one without a name."""
    texts = {name: text for name, text in element.items() if text}
    texts |= {str(child.tag): "".join(child.itertext()) for child in element if "".join(child.itertext())}
    name = texts.get("name", "").strip()
    if not name:
        return None
    return Declared(name, texts.get("value"), texts.get("final") == "true", Origin(str(path), name))


def _included(element: Element, path: Path, outer: tuple[Path, ...]) -> Iterator[Declared]:
    address = element.get("href", "")
    target = _local(address, path)
    if target is not None and target.is_file():
        if target in (*outer, path) or len(outer) >= _DEEPEST_INCLUDE:
            raise SettingsError(
                "configuration files include one another without end",
                found=" → ".join(map(str, (*outer, path, target))),
            )
        yield from _of(_root(target), target, (*outer, path))
        return
    fallbacks = element.findall(_FALLBACK)
    if not fallbacks:
        raise SettingsError(
            "a configuration file includes one that cannot be had",
            found=f"{path}: href={address!r}",
            expected="a file on this machine, by its path or its path from there",
            fix="put the file there, or give the include a fallback",
        )
    for fallback in fallbacks:
        yield from _of(fallback, path, outer)


def _local(address: str, path: Path) -> Path | None:
    """Return the file that an include means, None where that is on no disk of ours."""
    if not address or "://" not in address:
        return path.parent / address if address else None
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def unreadable(path: Path, error: OSError) -> SettingsError:
    """Return the error for a file, or a folder on the way to it, that this user may not read."""
    return SettingsError(
        "a configuration file cannot be read",
        found=f"{path}: {error.strerror}",
        fix=Worded("let this user read it, or leave the cluster's settings aside with {}", _ASIDE),
    )


def _broken(path: Path, found: str) -> SettingsError:
    return SettingsError(
        "a configuration file is no Hadoop configuration",
        found=f"{path}: {found}",
        expected="<configuration> with <property> elements",
        fix=Worded("repair the file, or leave the cluster's settings aside with {}", _ASIDE),
    )
