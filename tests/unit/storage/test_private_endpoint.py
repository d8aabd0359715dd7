"""Customer keys go over TLS, or do not leave this machine."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from s3cse.errors import SettingsError
from s3cse.storage.private_endpoint import check_private


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        "https://s3.example.com",
        "http://127.0.0.1:8333",
        "http://127.9.9.9",
        "http://[::1]:8333",
        "http://localhost:8333",
        "http://bucket.LOCALHOST.:8333",
    ],
)
def test_private(endpoint: str | None) -> None:
    """TLS, and every way to write this machine's own address."""
    check_private(boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://s3.us-east-1.amazonaws.com",
        "http://10.0.0.1:8333",
        "http://0.0.0.0:8333",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://notlocalhost",
        "HTTP://127.0.0.1@example.com",
    ],
)
def test_not_private(endpoint: str) -> None:
    """Everything else over HTTP, also what only looks like this machine."""
    with pytest.raises(SettingsError, match="TLS only"):
        check_private(boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint))


LOCAL = {"region_name": "us-east-1", "endpoint_url": "http://127.0.0.1:8333"}


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_elsewhere_takes_requests_off_this_machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Requests to a loopback address go to the environment's proxy, in the clear, unless it is left out."""
    monkeypatch.setenv(name, "http://user:pass@proxy.example.com:3128")
    with pytest.raises(SettingsError, match="TLS only") as caught:
        check_private(boto3.client("s3", **LOCAL))
    assert "proxy.example.com:3128" in str(caught.value)
    assert "pass@" not in str(caught.value)
    check_private(boto3.client("s3", region_name="us-east-1"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    check_private(boto3.client("s3", **LOCAL))


def test_the_clients_own_proxy_counts() -> None:
    """So does a proxy of the client's configuration; one on this machine, or of https alone, leaks nothing."""
    with pytest.raises(SettingsError, match="TLS only"):
        check_private(boto3.client("s3", **LOCAL, config=Config(proxies={"http": "proxy.example.com:3128"})))
    for proxies in ({"http": "http://localhost:3128"}, {"http": "127.0.0.1:3128"}, {"https": "http://a.example.com"}):
        check_private(boto3.client("s3", **LOCAL, config=Config(proxies=proxies)))


def test_use_ssl_false_is_seen() -> None:
    """A client of AWS without TLS is refused, too."""
    with pytest.raises(SettingsError, match="TLS only"):
        check_private(boto3.client("s3", region_name="us-east-1", use_ssl=False))


ELSEWHERE = {"region_name": "us-east-1", "endpoint_url": "https://s3.example.com"}


@pytest.mark.parametrize("endpoint", [None, "https://s3.example.com"])
def test_tls_without_verification_is_none(endpoint: str | None) -> None:
    """Whoever is in between shows a certificate of his own, and reads the key."""
    with pytest.raises(SettingsError, match=r"TLS only.*verify=False"):
        check_private(boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, verify=False))


def test_authorities_of_ones_own_are_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As an argument, or in the environment."""
    bundle = tmp_path / "ca.pem"
    check_private(boto3.client("s3", **ELSEWHERE, verify=str(bundle)))
    check_private(boto3.client("s3", **ELSEWHERE, verify=True))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    check_private(boto3.client("s3", **ELSEWHERE))


def test_a_client_that_does_not_tell_is_refused() -> None:
    """One that is no botocore client, or one of a botocore that keeps it elsewhere."""

    class Other:
        meta = boto3.client("s3", **ELSEWHERE).meta

    with pytest.raises(SettingsError, match="or does not say"):
        check_private(Other())
    Other.meta = boto3.client("s3", **LOCAL).meta
    check_private(Other())


def test_on_this_machine_nothing_needs_verification() -> None:
    """But for a proxy elsewhere, which the request goes to."""
    local = {"region_name": "us-east-1", "endpoint_url": "https://localhost:8333", "verify": False}
    check_private(boto3.client("s3", **local, config=Config(proxies={})))
    with pytest.raises(SettingsError, match=r"proxy\.example\.com"):
        check_private(boto3.client("s3", **local, config=Config(proxies={"https": "proxy.example.com:3128"})))
