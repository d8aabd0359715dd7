"""What README.md and docs/client.md show is run as it stands, against real servers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import s3cse.local

ROOT = Path(__file__).parents[3]


def shown(document: str, heading: str | None = None) -> str:
    """Return the Python of all code blocks, of one ``##`` section or of the whole document."""
    text = (ROOT / document).read_text()
    if heading is not None:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


@pytest.fixture
def lake(
    servers: s3cse.local.Servers,
    lake_bucket: str,
    flights_key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The bucket, the key and the files that the documents speak of; boto3 finds the local servers."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.bin").write_bytes(os.urandom(100_000))
    (tmp_path / "wrapping.key").write_bytes(os.urandom(32))
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "private.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return tmp_path


def test_readme(lake: Path) -> None:
    """Put, get, range, upload and download with a KMS key, then the same with an AES and an RSA key."""
    scope: dict[str, object] = {}
    exec(shown("README.md", "Use it from Python"), scope)
    assert (lake / "copy.bin").read_bytes() == (lake / "model.bin").read_bytes()
    for name in ("client", "aes", "rsa"):
        client: s3cse.Client = scope[name]  # type: ignore[assignment]
        client.put_object(Bucket="lake", Key=name, Body=b"Hello, flights!")
        assert client.get_object(Bucket="lake", Key=name)["Body"].read() == b"Hello, flights!"
        assert client.get_object(Bucket="lake", Key=name, Range="bytes=7-13")["Body"].read() == b"flights"
        assert client.head_object(Bucket="lake", Key=name)["ContentLength"] == 15
        client.upload_file("model.bin", "lake", f"{name}/model.bin")
        client.download_file("lake", f"{name}/model.bin", f"{name}.bin")
        assert (lake / f"{name}.bin").read_bytes() == (lake / "model.bin").read_bytes()


def test_client_page(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page's object, its multipart upload in another order, a range of a message, and an object under SSE-C."""
    scope: dict[str, object] = {}
    exec(shown("docs/client.md"), scope)
    told = ["6 {'owner': 'me'} b'Hello!'", "bytes 500000-500009/1048576 1048576", "b'Hell'"]
    assert capsys.readouterr().out.splitlines() == told
    client: s3cse.Client = scope["client"]  # type: ignore[assignment]
    assert client.get_object(Bucket="lake", Key="big")["Body"].read() == bytes(20 << 20)
    assert lake.exists()
