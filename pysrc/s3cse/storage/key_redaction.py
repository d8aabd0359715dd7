"""Customer keys in logs: botocore's debug log shows the headers and parameters of a request, the key among them.

A filter on the loggers that were seen to do so takes keys and their fingerprints out before any handler gets the
record. It costs nothing unless debug logging is on. What it cannot reach: ``http.client``'s ``debuglevel``, which
prints, and handlers that somebody attached to botocore's events.
"""

from __future__ import annotations

import logging
import re

#: Those of botocore that log requests (endpoint, auth), and those that log parts of them where something goes wrong.
_LOGGERS = ("endpoint", "auth", "crt.auth", "hooks", "handlers", "utils", "httpsession", "httpchecksum", "awsrequest")
#: A header or parameter of this name, and what follows it: text in quotes, or up to the end of a word.
_KEY = re.compile(
    r"((?:customer-key|CustomerKey)(?:-?MD5)?['\"]?\s*[:=,]\s*)(b?(['\"]).*?(?<!\\)\3|[^\s,}]+)", re.IGNORECASE
)
_MARK = "customer"
_HIDDEN = r"\1<hidden>"


class _Redaction(logging.Filter):
    """Lets every record pass, without keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _MARK in message.lower():
            record.msg, record.args = without_keys(message), ()
        return True


_REDACTION = _Redaction()


def redact_logs() -> None:
    """Keep customer keys out of botocore's log; idempotent (a filter is added once)."""
    for name in _LOGGERS:
        logging.getLogger(f"botocore.{name}").addFilter(_REDACTION)


def without_keys(text: str) -> str:
    """Return the text with customer keys and their fingerprints replaced, as botocore writes headers and parameters."""
    return _KEY.sub(_HIDDEN, text)
