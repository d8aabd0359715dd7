"""AWS Encryption SDK messages: encrypted data that carries its own envelope, for any storage. See docs/messages.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.on_demand import names_on_demand

if TYPE_CHECKING:
    from s3cse.message.header import Header
    from s3cse.message.into import decrypt_into, encrypt_into, message_room
    from s3cse.message.reader import MessageReader
    from s3cse.message.suites import COMMITTING, COMMITTING_SIGNED, SUITES, Suite
    from s3cse.message.whole import Decrypted, decrypt, encrypt
    from s3cse.message.writer import MessageWriter

__all__ = [
    "COMMITTING",
    "COMMITTING_SIGNED",
    "SUITES",
    "Decrypted",
    "Header",
    "MessageReader",
    "MessageWriter",
    "Suite",
    "decrypt",
    "decrypt_into",
    "encrypt",
    "encrypt_into",
    "message_room",
]

__getattr__, __dir__ = names_on_demand(
    __name__,
    {
        "COMMITTING": "suites",
        "COMMITTING_SIGNED": "suites",
        "SUITES": "suites",
        "Decrypted": "whole",
        "Header": "header",
        "MessageReader": "reader",
        "MessageWriter": "writer",
        "Suite": "suites",
        "decrypt": "whole",
        "decrypt_into": "into",
        "encrypt": "whole",
        "encrypt_into": "into",
        "message_room": "into",
    },
)
