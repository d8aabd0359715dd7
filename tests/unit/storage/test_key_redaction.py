"""Customer keys are taken out of log records."""

from __future__ import annotations

import logging

import pytest

from s3cse.storage.key_redaction import redact_logs, without_keys

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    "text",
    [
        f"{{'x-amz-server-side-encryption-customer-key': '{SECRET}', 'b': 1}}",
        f"{{'x-amz-server-side-encryption-customer-key': b'{SECRET}', 'b': 1}}",
        f"x-amz-copy-source-server-side-encryption-customer-key:{SECRET}\nb: 1",
        f"X-Amz-Server-Side-Encryption-Customer-Key-MD5: {SECRET}\nb",
        f"{{'SSECustomerKey': '{SECRET}', 'b': 1}}",
        f'{{"CopySourceSSECustomerKeyMD5": "{SECRET}", "b": 1}}',
        f"SSECustomerKey={SECRET}, b",
        f"[('x-amz-server-side-encryption-customer-key', '{SECRET}'), ('b', '1')]",
        "{'SSECustomerKey': b'\\x00\\'AAECAw', 'b': 1}",
    ],
)
def test_hidden(text: str) -> None:
    """Headers and parameters, as Python and HTTP write them; what follows stays."""
    hidden = without_keys(text)
    assert "AAECAw" not in hidden
    assert "<hidden>" in hidden
    assert "b" in hidden.rpartition("<hidden>")[2]


def test_the_rest_is_untouched() -> None:
    """The algorithm, and texts about other things, stay as they are."""
    for text in ("x-amz-server-side-encryption-customer-algorithm: AES256", "{'Key': 'a'}", "the customer keyring"):
        assert without_keys(text) == text


def test_once() -> None:
    """However many stores are made, a record is looked at once."""
    redact_logs()
    before = list(logging.getLogger("botocore.endpoint").filters)
    redact_logs()
    assert logging.getLogger("botocore.endpoint").filters == before
