"""The client as an object."""

from __future__ import annotations

import inspect
import os
import pickle
import signal
from typing import Any

import pytest

import s3cse
from s3cse.errors import SettingsError, TransferError

from .conftest import Make


def test_public_name() -> None:
    """It is s3cse.Client, and there is no other name that the package makes up."""
    assert s3cse.Client.__module__ == "s3cse.client.facade"
    with pytest.raises(AttributeError, match="Nonsense"):
        s3cse.Nonsense  # noqa: B018


def test_it_shows_no_secrets_and_stays_here(make: Make) -> None:
    """The representation tells the settings; pickling is refused."""
    client = make({"secret": "context"})
    assert repr(client).startswith("Client(keyring='kms', profile='emrfs-v2', storage='metadata', integrity='strict'")
    assert "secret" not in repr(client)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(client)


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "x"}, {"storage": "x"}, {"integrity": "x"}, {"legacy": "x"}, {"commitment": "x"},
        {"plaintext": "x"}, {"instruction_suffix": ""},
    ],
)  # fmt: skip
def test_wrong_settings(make: Make, wrong: dict[str, str]) -> None:
    """A word that does not exist is refused when the client is made."""
    with pytest.raises(SettingsError):
        make(**wrong)


def test_profile_that_the_keyring_cannot_write(make: Make, at: dict[str, str]) -> None:
    """It reads all the same; writing names the combinations there are."""
    with pytest.raises(SettingsError, match="no such profile for this keyring"):
        make(profile="redshift").put_object(**at, Body=b"abc")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_it_belongs_to_its_process(client: s3cse.Client, at: dict[str, str]) -> None:
    """A forked child is told so before anything is sent on its parent's connections."""
    client.put_object(**at, Body=b"abc")
    child = os.fork()
    if not child:
        signal.alarm(20)  # a deadlock ends the child
        code = 1
        try:
            client.get_object(**at)
        except TransferError as error:
            code = 0 if "another process" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_transfers_have_boto3s_signatures(s3: Any) -> None:
    """upload_file and the like take boto3's parameters in boto3's order."""
    for method in ("upload_file", "upload_fileobj", "download_file", "download_fileobj"):
        ours = list(inspect.signature(getattr(s3cse.Client, method)).parameters)[1:]
        theirs = list(inspect.signature(getattr(s3, method)).parameters)
        assert ours == theirs
