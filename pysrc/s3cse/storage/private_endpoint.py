"""Where a customer key may be sent: over TLS, or without leaving this machine."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from s3cse.errors import SettingsError

_LOCALHOST = "localhost"


def check_private(client: Any) -> None:
    """Refuse a client whose endpoint would let others read a key on its way.

    Args:
        client: a boto3 S3 client.

    Raises:
        SettingsError: its endpoint is neither https nor on this machine, or a proxy elsewhere takes its requests.
    """
    endpoint = str(client.meta.endpoint_url)
    parts = urlsplit(endpoint)
    if parts.scheme.lower() == "https":
        return
    if _on_this_machine(parts.hostname or ""):
        _check_proxy(_proxy_of(client, parts.netloc))
        return
    raise SettingsError(
        "a customer key (SSE-C) is sent over TLS only",
        found=f"the endpoint {parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        expected="https://…, or a loopback address",
        fix="give the S3 client an https endpoint (endpointUrl, AWS_ENDPOINT_URL_S3; not use_ssl=False)",
    )


def _proxy_of(client: Any, host: str) -> str:
    """Return the proxy that plain HTTP to a host goes through, "" for none: the client's, or the environment's."""
    own = getattr(client.meta.config, "proxies", None)
    if own is None:  # as botocore does it
        own = {} if proxy_bypass(host) else getproxies()
    return str(own.get("http") or "")


def _check_proxy(proxy: str) -> None:
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    if not proxy or _on_this_machine(parts.hostname or ""):
        return
    raise SettingsError(
        "a customer key (SSE-C) is sent over TLS only, and a proxy would get it in the clear",
        found=f"the HTTP proxy {parts.netloc.rpartition('@')[2]} for an endpoint on this machine",
        expected="no proxy for loopback addresses",
        fix="name the endpoint's host in NO_PROXY, or give an https endpoint",
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
