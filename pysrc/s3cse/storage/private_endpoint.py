"""Where a customer key may be sent: over TLS to a server that has proven who it is, or without leaving this machine."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from s3cse.errors import SettingsError
from s3cse.wording import Option, Worded

_LOCALHOST = "localhost"


def check_private(client: Any) -> None:
    """Refuse a client whose endpoint would let others read a key on its way.

    Args:
        client: a boto3 S3 client.

    Raises:
        SettingsError: its endpoint is neither https with verified certificates nor on this machine, or a proxy
            elsewhere takes its requests.
    """
    endpoint = str(client.meta.endpoint_url)
    parts = urlsplit(endpoint)
    scheme = parts.scheme.lower()
    if scheme == "https" and _verifies(client):
        return
    if _on_this_machine(parts.hostname or ""):
        _check_proxy(_proxy_of(client, scheme, parts.netloc))
        return
    if scheme == "https":
        raise SettingsError(
            "a customer key (SSE-C) is sent over TLS only, and to nobody whose certificate is not verified",
            found="a client that verifies no certificates (verify=False), or does not say whether it does",
            expected="a boto3 client that verifies them, or a loopback address",
            fix="leave verify out, or name the CAs to trust: verify='ca.pem', AWS_CA_BUNDLE",
        )
    raise SettingsError(
        "a customer key (SSE-C) is sent over TLS only",
        found=f"the endpoint {parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        expected="https://…, or a loopback address",
        fix=Worded(
            "give the S3 client an https endpoint ({}, AWS_ENDPOINT_URL_S3; not use_ssl=False)", Option("endpointUrl")
        ),
    )


def _verifies(client: Any) -> bool:
    """Whether a client verifies certificates. Where botocore does not tell, it counts as one that does not."""
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    return bool(getattr(session, "_verify", False))  # True, or the path of the CAs; botocore says it nowhere else


def _proxy_of(client: Any, scheme: str, host: str) -> str:
    """Return the proxy that requests to a host go through, "" for none: the client's, or the environment's."""
    own = getattr(client.meta.config, "proxies", None)
    if own is None:  # as botocore does it
        own = {} if proxy_bypass(host) else getproxies()
    return str(own.get(scheme) or "")


def _check_proxy(proxy: str) -> None:
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    if not proxy or _on_this_machine(parts.hostname or ""):
        return
    raise SettingsError(
        "a customer key (SSE-C) is sent over TLS only, and a proxy could read it",
        found=f"the proxy {parts.netloc.rpartition('@')[2]} for an endpoint on this machine",
        expected="no proxy for loopback addresses",
        fix="name the endpoint's host in NO_PROXY, or give an https endpoint, and verify its certificate",
    )


def _on_this_machine(host: str) -> bool:
    """Whether this is a loopback address or a name that is always one (RFC 6761, 6.3)."""
    name = host.rstrip(".").lower()
    if name == _LOCALHOST or name.endswith(f".{_LOCALHOST}"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
