"""How rows look in the files of COPY and of UNLOAD; the same words make the statement, the writer and the reader.

Sources, all below https://docs.aws.amazon.com/redshift/latest/dg/: copy-parameters-data-format.html,
copy-parameters-data-conversion.html, copy-parameters-file-compression.html, r_UNLOAD.html.
"""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.errors import SettingsError, printable
from s3cse.services.redshift.sql import delimiter_literal, literal

FORMATS = ("csv", "text", "json")
#: How COPY's files may be compressed here.
COPY_COMPRESSION = ("none", "gzip", "bzip2")
#: How UNLOAD's may be; ``auto``: as the file's name ends.
UNLOAD_COMPRESSION = ("auto", "none", "gzip", "bzip2", "zstd")
#: What UNLOAD appends to the names of its files, and we to ours.
ENDINGS = {"none": "", "gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}
#: Stands for NULL where nothing else is said. It has no backslash, as COPY's own ``\N`` has, and is no likely value.
NULL_AS = "@NULL@"
_WORDS = {"none": "", "gzip": "GZIP", "bzip2": "BZIP2", "zstd": "ZSTD"}
_DEFAULT_DELIMITERS = {"csv": ",", "text": "|", "json": ""}
_RESERVED = '"\\\n\r\0'


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLayout:
    """How rows are written for COPY.

    Args:
        format: ``csv`` | ``text`` (delimited, with ESCAPE) | ``json`` (an object a line).
        compression: ``none`` | ``gzip`` | ``bzip2``.
        delimiter: one ASCII character; None: a comma in CSV, a pipe in text.
        null_as: the text that stands for NULL in CSV and text. A row that holds it as a value is refused.

    Raises:
        SettingsError: a word that does not exist, or a delimiter or NULL that could not be told from data.
    """

    format: str = "csv"
    compression: str = "gzip"
    delimiter: str | None = None
    null_as: str = NULL_AS

    def __post_init__(self) -> None:
        _check_format(self.format)
        if self.compression == "lzop":
            raise SettingsError(
                "there is no library here that writes lzop",
                found="'lzop'",
                expected=" | ".join(COPY_COMPRESSION),
                fix="gzip loads as well; neither Python nor Arrow has LZO, whose own library is under the GPL",
            )
        _one_of("compression", self.compression, COPY_COMPRESSION)
        _check_delimiter(self.format, self.delimiter)
        if self.format != "json":
            _check_null(self.null_as, self.separator)

    @property
    def separator(self) -> str:
        """The delimiter in force; empty for JSON."""
        return _DEFAULT_DELIMITERS[self.format] if self.delimiter is None else self.delimiter

    @property
    def ending(self) -> str:
        """What the files' names end with: ``.csv.gz``."""
        return f".{'txt' if self.format == 'text' else self.format}{ENDINGS[self.compression]}"

    def clauses(self) -> list[str]:
        """Return the lines of a COPY statement that say all this.

        Timestamps are recognised by ``'auto'``: no other word takes them with and without a time zone in one load.
        """
        compression = [_WORDS[self.compression]] if self.compression != "none" else []
        times = ["DATEFORMAT 'auto'", "TIMEFORMAT 'auto'"]
        if self.format == "json":
            return ["FORMAT JSON 'auto ignorecase'", *compression, *times]
        shape = "FORMAT CSV DELIMITER" if self.format == "csv" else "DELIMITER"
        escape = ["ESCAPE"] if self.format == "text" else []
        null = f"NULL AS {literal(self.null_as, 'null_as')}"
        return [f"{shape} {delimiter_literal(self.separator)}", *escape, null, *compression, *times]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadLayout:
    """How UNLOAD wrote its files, or is to write them.

    Args:
        format: ``csv`` | ``text`` (delimited) | ``json``.
        compression: ``auto`` (as the file's name ends; an UNLOAD statement compresses nothing) | ``none`` | ``gzip`` |
            ``bzip2`` | ``zstd``.
        delimiter: one ASCII character; None: a comma in CSV, a pipe in text.
        header: HEADER was said: each file begins with a line of column names.
        escape: ESCAPE was said, in text.
        add_quotes: ADDQUOTES was said, in text.
        null_as: the text of NULL AS; None: it was not said, and UNLOAD leaves NULL and the empty string alike: both are
            read as NULL.

    Raises:
        SettingsError: a word that does not exist, or words that UNLOAD does not take together.
    """

    format: str = "csv"
    compression: str = "auto"
    delimiter: str | None = None
    header: bool = False
    escape: bool = False
    add_quotes: bool = False
    null_as: str | None = None

    def __post_init__(self) -> None:
        if self.format == "fixedwidth":
            raise SettingsError(
                "files of fixed width are not read",
                found="'fixedwidth'",
                expected=" | ".join(FORMATS),
                fix="unload as CSV",
            )
        _check_format(self.format)
        _one_of("compression", self.compression, UNLOAD_COMPRESSION)
        _check_delimiter(self.format, self.delimiter)
        given = [word for word, said in self._options() if said]
        refused = {"csv": {"ESCAPE", "ADDQUOTES"}, "text": set(), "json": {word for word, _ in self._options()}}
        wrong = [word for word in given if word in refused[self.format]]
        if wrong:
            raise SettingsError(
                f"UNLOAD does not take {', '.join(wrong)} with format {self.format}", fix="leave it out"
            )
        if self.add_quotes and not self.escape:
            raise SettingsError(
                "ADDQUOTES without ESCAPE leaves files whose quotation marks cannot be told from data",
                expected="add_quotes and escape together",
                fix="unload again with ESCAPE, or as CSV",
            )
        if self.null_as:
            _check_null(self.null_as, self.separator)

    def _options(self) -> tuple[tuple[str, object], ...]:
        return (
            ("HEADER", self.header),
            ("ESCAPE", self.escape),
            ("ADDQUOTES", self.add_quotes),
            ("NULL AS", self.null_as is not None),
        )

    @property
    def separator(self) -> str:
        """The delimiter in force; empty for JSON."""
        return _DEFAULT_DELIMITERS[self.format] if self.delimiter is None else self.delimiter

    def compression_of(self, name: str) -> str:
        """Return how a file of this name is compressed."""
        if self.compression != "auto":
            return self.compression
        return next((kind for kind, ending in ENDINGS.items() if ending and name.endswith(ending)), "none")

    def clauses(self) -> list[str]:
        """Return the lines of an UNLOAD statement that say all this."""
        compression = [_WORDS[self.compression]] if self.compression not in ("auto", "none") else []
        if self.format == "json":
            return ["FORMAT JSON", *compression]
        shape = "FORMAT CSV DELIMITER" if self.format == "csv" else "DELIMITER"
        flags = [word for word, said in self._options()[:3] if said]
        null = [] if self.null_as is None else [f"NULL AS {literal(self.null_as, 'null_as')}"]
        return [f"{shape} {delimiter_literal(self.separator)}", *flags, *null, *compression]


def _check_format(name: str) -> None:
    _one_of("format", name, FORMATS)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{what} has no such value", found=repr(value), expected=" | ".join(allowed))


def _check_delimiter(format_: str, delimiter: str | None) -> None:
    if delimiter is None:
        return
    if format_ == "json":
        raise SettingsError("JSON has no delimiter", found=repr(printable(delimiter)), fix="leave it out")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter.isalnum() or delimiter in _RESERVED + " .-+:@":
        raise SettingsError(
            "this cannot be a delimiter",
            found=repr(printable(delimiter)),
            expected="one ASCII character that is in no number, date or name, such as | , ; or a tab",
        )


def _check_null(text: str, delimiter: str) -> None:
    if not text or text.strip() != text or any(letter in text for letter in _RESERVED + delimiter):
        raise SettingsError(
            "this cannot stand for NULL",
            found=repr(printable(text)),
            expected="some text without quotes, backslashes, line ends, the delimiter, or spaces around it",
            fix=f"leave it out: {NULL_AS} is the default",
        )
