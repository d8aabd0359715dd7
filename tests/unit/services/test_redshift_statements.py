"""Statements: exact text, and a key that nothing shows but the method that says so."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest

from s3cse.errors import SettingsError
from s3cse.services.redshift import CopyLayout, ServerSide, Statement, UnloadLayout, copy_statement, unload_statement

from .redshift_rows import KEY

ROLE = "arn:aws:iam::111122223333:role/load"
SECRET = KEY.reveal()


def statement() -> Statement:
    """Return a COPY statement with a key."""
    return copy_statement(
        "flights",
        "s3://bucket/exports/it's/manifest",
        encryption=KEY,
        iam_role=ROLE,
        layout=CopyLayout(),
        columns=["id", 'carrier "code"'],
        schema="public",
        region="eu-west-1",
    )


def test_copy() -> None:
    """The text is the one that COPY's documentation describes, the key in it."""
    assert statement().reveal().splitlines() == [
        'COPY "public"."flights" ("id", "carrier ""code""")',
        "FROM 's3://bucket/exports/it''s/manifest'",
        f"IAM_ROLE '{ROLE}'",
        f"MASTER_SYMMETRIC_KEY '{SECRET}' ENCRYPTED",
        "MANIFEST",
        "REGION 'eu-west-1'",
        "FORMAT CSV DELIMITER ','",
        "NULL AS '@NULL@'",
        "GZIP",
        "DATEFORMAT 'auto'",
        "TIMEFORMAT 'auto'",
    ]


def test_nothing_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    """Not str, repr, format, a log, an exception, a copy, vars of anything printable, nor pickle."""
    made = statement()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").info("%s %r", made, made)
    shown = [str(made), repr(made), f"{made}", caplog.text, repr([made]), repr(vars(made)), str(ValueError(made))]
    assert all(SECRET not in text for text in shown)
    assert "MASTER_SYMMETRIC_KEY '<redacted>' ENCRYPTED" in str(made)
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            travel(made)


def test_redact() -> None:
    """What somebody says of a statement loses the key, with slashes escaped or not."""
    text = statement().redact(f"near {SECRET} and {SECRET.replace('/', chr(92) + '/')}")
    assert text == "near <redacted> and <redacted>"
    assert not copy_statement("t", "s3://b/m", encryption=ServerSide(), iam_role="default", layout=CopyLayout()).has_key


def test_copy_of_what_s3_encrypts() -> None:
    """Without client-side encryption there is no key, and COPY needs no word for it."""
    made = copy_statement("t", "s3://b/x/manifest", encryption=ServerSide(), iam_role="Default", layout=CopyLayout())
    assert made.reveal() == str(made)
    assert made.reveal().splitlines()[:4] == ['COPY "t"', "FROM 's3://b/x/manifest'", "IAM_ROLE default", "MANIFEST"]
    assert "ENCRYPTED" not in made.reveal()


def test_unload() -> None:
    """UNLOAD writes a VERBOSE manifest, which tells types and counts."""
    made = unload_statement(
        "SELECT * FROM flights WHERE carrier = 'UA';",
        "s3://bucket/unload/flights_",
        encryption=KEY,
        iam_role=ROLE,
        layout=UnloadLayout(header=True, null_as="@NULL@", compression="gzip"),
        max_file_mb=1000,
        parallel=False,
    )
    assert made.reveal().splitlines() == [
        "UNLOAD ('SELECT * FROM flights WHERE carrier = ''UA''')",
        "TO 's3://bucket/unload/flights_'",
        f"IAM_ROLE '{ROLE}'",
        f"MASTER_SYMMETRIC_KEY '{SECRET}' ENCRYPTED",
        "MANIFEST VERBOSE",
        "FORMAT CSV DELIMITER ','",
        "HEADER",
        "NULL AS '@NULL@'",
        "GZIP",
        "MAXFILESIZE 1000 MB",
        "PARALLEL OFF",
    ]
    assert SECRET not in str(made)


@pytest.mark.parametrize(
    ("encryption", "line"),
    [
        (ServerSide(kms_key_id="alias/x"), "KMS_KEY_ID 'alias/x' ENCRYPTED"),
        (ServerSide(), "ENCRYPTED AUTO"),
        (ServerSide(algorithm="AES256"), "MANIFEST VERBOSE"),
    ],
)
def test_unload_that_s3_encrypts(encryption: ServerSide, line: str) -> None:
    """A KMS key is named, the bucket's is AUTO, and SSE-S3 needs no word."""
    made = unload_statement("SELECT 1", "s3://b/x_", encryption=encryption, iam_role="default")
    assert made.reveal().splitlines()[3] == line


@pytest.mark.parametrize("size", [4, 6201])
def test_unload_file_size(size: int) -> None:
    """UNLOAD has limits of its own."""
    with pytest.raises(SettingsError, match="5 to 6200 MB"):
        unload_statement("SELECT 1", "s3://b/x_", encryption=KEY, iam_role="default", max_file_mb=size)


def test_texts_that_could_escape() -> None:
    """A role or a path that could end its quotes is refused, and the error shows no key."""
    with pytest.raises(SettingsError, match="iam_role has a character") as caught:
        copy_statement("t", "s3://b/m", encryption=KEY, iam_role="x\\' KEY", layout=CopyLayout())
    assert SECRET not in str(caught.value)
    with pytest.raises(SettingsError, match="the manifest has a character"):
        copy_statement("t", "s3://b/a\\b", encryption=KEY, iam_role="default", layout=CopyLayout())


def test_server_side_words() -> None:
    """Only what S3 knows."""
    with pytest.raises(SettingsError, match="no such server-side encryption"):
        ServerSide(algorithm="aws:magic")
    with pytest.raises(SettingsError, match="uses no KMS key"):
        ServerSide(algorithm="AES256", kms_key_id="x")
