"""AWS Encryption SDK messages: encrypted data that carries its own envelope, for any storage. See docs/messages.md."""

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
