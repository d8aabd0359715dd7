"""Every error that s3cse raises, in one tree.

    S3CSEError
      EnvelopeError    what the object says about its encryption is missing, doubled or not valid
      KeyringError     no key opens the object; the key service's own error is the cause
      IntegrityError   the object, or a piece of it, does not verify
      PolicyError      the object may be fine, but the caller's rules refuse it
      SettingsError    an option or argument is wrong (also a ValueError)
      TransferError    S3 refused, lost, cut short or replaced something

Split by what the caller does next: repair the metadata, get a key, restore the object, relax a rule on purpose, fix
the call, try again. Messages name the object, what was found, what was expected and what to do; they never hold key
bytes or plaintext.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

from s3cse.wording import Option, spelled

_E = TypeVar("_E", bound="S3CSEError")


class S3CSEError(Exception):
    """Root of the tree.

    Args:
        problem: one clause that says what went wrong, lower case, no full stop.
        uri: the object it is about, ``s3://bucket/key``; added later by :meth:`at` where a lower layer cannot know it.
        found: what was seen.
        expected: what would have been right.
        fix: what the caller can do.

    Texts that name options are Worded (s3cse.wording): see :meth:`spelled`.
    """

    def __init__(
        self,
        problem: str,
        *,
        uri: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.uri = uri
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(problem)

    def __str__(self) -> str:
        return self.spelled(str)

    def spelled(self, spell: Callable[[Option], str]) -> str:
        """Return the message with every option in it as ``spell`` writes it: ``str(error)`` has ``kmsKeyId``."""
        text = spelled(self.problem, spell)
        if self.uri is not None:
            text = f"{printable(self.uri)}: {text}"
        if self.found is not None:
            text += f"; found {spelled(self.found, spell)}"
        if self.expected is not None:
            text += f"; expected {spelled(self.expected, spell)}"
        if self.fix is not None:
            fix = spelled(self.fix, spell)
            text += f". {fix[:1].upper()}{fix[1:]}"
        return text

    def at(self: _E, uri: str) -> _E:
        """Return this error naming the object it is about, cause and traceback kept; an object already named stays."""
        if self.uri is not None:
            return self
        named = copy.copy(self)
        named.uri = uri
        named.__cause__, named.__suppress_context__ = self.__cause__, self.__suppress_context__
        return named.with_traceback(self.__traceback__)


def printable(text: str) -> str:
    """Escape control characters: a key chosen by somebody else must not write into a terminal or forge a log line."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


class EnvelopeError(S3CSEError):
    """What the object says about its encryption is missing, doubled or not valid."""


class KeyringError(S3CSEError):
    """No key opens the object, or no data key can be had; the key service's own error is the cause."""


class IntegrityError(S3CSEError):
    """The object, or a piece of it, does not verify. Nothing of the failing piece was released."""


class PolicyError(S3CSEError):
    """The caller's rules refuse what the object is."""


class SettingsError(S3CSEError, ValueError):
    """An option or an argument is wrong."""


class TransferError(S3CSEError):
    """S3 refused, lost, cut short or replaced something.

    ``status`` is the HTTP status where there was one, ``code`` S3's own error code. ``sent`` is False where the request
    never left, so that S3 cannot have done it; ``repeated`` is True where the client library had sent it before by
    itself, so that S3 may have done that one and refused this one.
    """

    def __init__(
        self,
        problem: str,
        *,
        uri: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
        status: int | None = None,
        code: str | None = None,
        sent: bool = True,
        repeated: bool = False,
    ) -> None:
        super().__init__(problem, uri=uri, found=found, expected=expected, fix=fix)
        self.status = status
        self.code = code
        self.sent = sent
        self.repeated = repeated
