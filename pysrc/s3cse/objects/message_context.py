"""The encryption context of new messages in S3: the keyring's, and what was said of messages besides."""

from __future__ import annotations

from s3cse.errors import SettingsError
from s3cse.message.options import MessageOptions


def whole_context(keyring: object, message: MessageOptions) -> dict[str, str]:
    """Return the pairs that a new message has.

    Args:
        keyring: a KMS keyring's own context belongs to what it wraps, here as in the S3 formats.

    Raises:
        SettingsError: both say something else of one name.
    """
    own = dict(getattr(keyring, "context", None) or {})
    other = sorted(name for name, value in message.context.items() if own.get(name, value) != value)
    if other:
        raise SettingsError(
            "the keyring's context and the message's contradict each other",
            found=f"two values of {', '.join(other)}",
            expected="one value of a name",
            fix="say it once",
        )
    return {**own, **message.context}
