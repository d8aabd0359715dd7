"""Reads whatever a fuzzer makes as an Encryption SDK message, in every way there is; test_fuzz_messages.py runs it.

    python fuzz_messages.py FOLDER SECONDS [SEED]

With ``atheris`` (libFuzzer under Python) coverage guides the inputs; without it they are seeded mutations of messages.
Each input must end in the plaintext that was written, or in an error of ours. Any other exception, a hang or memory
beyond a bound ends the run with an error, and the input is left in FOLDER.

The first byte says how the rest is read: as a message; as the body behind a header that verifies; or as orders to a
forger who has the key, so that frames verify whose order does not.
"""

from __future__ import annotations

import inspect
import io
import json
import random
import resource
import signal
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType

try:
    import atheris
except ImportError:
    atheris = None

from s3cse.errors import S3CSEError
from s3cse.keyrings import AesKeyring, MultiKeyring
from s3cse.message import SUITES, MessageReader, decrypt, decrypt_into
from s3cse.message.frames import Kind
from s3cse.message.header import MAX_ENCRYPTED_DATA_KEYS, read_header
from s3cse.message.input import BufferInput

TESTS = Path(__file__).resolve().parents[1]
VECTORS = TESTS / "vectors" / "esdk"
KEY = bytes(range(1, 33))
#: Where coverage counts.
ROOMS = (
    "s3cse.message.header",
    "s3cse.message.frames",
    "s3cse.message.body",
    "s3cse.message.into",
    "s3cse.message.opening",
    "s3cse.message.reader",
    "s3cse.message.signature",
    "s3cse.message.suites",
    "s3cse.message.input",
    "s3cse.message.whole",
    "s3cse.keyrings.encryption_context",
    "s3cse.keyrings.message_aes",
    "s3cse.keyrings.message_keys",
)
LONGEST_BYTES, HANG_SECONDS, MEMORY_BYTES = 4096, 10, 1 << 30

sys.path.insert(0, str(TESTS))
from unit.message.forger import Forger  # noqa: E402 - needs the path
from unit.message.messages import FRAME, aes_keyring, message_of, unframed_message_of  # noqa: E402 - likewise

OPTIONS = {"commitment": "allow", "max_encrypted_data_keys": MAX_ENCRYPTED_DATA_KEYS}
MESSAGE, BODY, FORGER = 0, 1, 2


class Corpus:
    """Messages to begin with, whose plaintexts are known by their ids."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.plaintexts: dict[bytes, bytes] = {}
        keyrings = {("tests", "key"): aes_keyring()}
        for case in json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))["cases"]:
            key = case["keys"][0]
            small = key["kind"] == "aes" and case["expect"] == "decrypt" and not case.get("required_context_keys")
            if small and (VECTORS / case["message"]).stat().st_size < LONGEST_BYTES:
                names = {"provider_id": key["provider_id"], "key_id": key["key_id"]}
                keyrings[tuple(names.values())] = AesKeyring(b64decode(key["b64"]), **names)
                self._add((VECTORS / case["message"]).read_bytes(), keyrings[tuple(names.values())])
        for suite in SUITES.values():
            for length in (0, FRAME, 3 * FRAME + 1):
                self._add(message_of(bytes(range(length)), suite, context={"a": "b"}), aes_keyring())
            if suite.curve is None:
                self._add(unframed_message_of(b"in one piece", suite), aes_keyring())
        self.keyring = MultiKeyring(list(keyrings.values()))

    def _add(self, message: bytes, keyring: AesKeyring) -> None:
        result = decrypt(message, keyring, **OPTIONS)
        self.messages.append(message)
        self.plaintexts[result.header.message_id] = result.plaintext

    def inputs(self) -> Iterator[bytes]:
        """Give an input for each of them, and some for the other ways."""
        for message in self.messages:
            yield bytes([MESSAGE]) + message
        forger, body = Forger(), b""
        for frames in ([(Kind.FINAL, 1, b"end")], [(Kind.REGULAR, 1, bytes(FRAME)), (Kind.FINAL, 2, b"end")]):
            body = b"".join(forger.frame(*frame) for frame in frames)
            yield bytes([BODY]) + body
        yield bytes([FORGER, 0, 1, FRAME, 0, 2, FRAME, 1, 3, 4])


class Target:
    """One input after the other."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._forgers = [Forger(suite) for suite in SUITES.values()]

    def __call__(self, data: bytes) -> None:
        """Read one input; raises AssertionError, or what should not have been raised."""
        if data[:1] == bytes([MESSAGE]):
            self._message(data[1:])
        elif data[:1] == bytes([BODY]):
            self._body(data[1:])
        elif data[:1] == bytes([FORGER]):
            self._forged(data[1:])

    def _message(self, message: bytes) -> None:
        with suppress(S3CSEError):
            header = read_header(BufferInput(message), MAX_ENCRYPTED_DATA_KEYS)
            assert header.raw == message[: header.size]
        for plaintext, ident in readings(message, self._corpus.keyring):
            assert plaintext == self._corpus.plaintexts.get(ident), "a plaintext that nobody wrote"

    def _body(self, body: bytes) -> None:
        # Nobody has sealed these bytes, but for the mutations of those that the corpus has, under other keys.
        for _ in readings(self._forgers[9].message() + body, aes_keyring()):
            raise AssertionError("a body opened under a key that it was not made with")

    def _forged(self, orders: bytes) -> None:
        forger = self._forgers[orders[0] % len(self._forgers)] if orders else self._forgers[0]
        kinds = (Kind.REGULAR, Kind.FINAL, Kind.SINGLE)
        triples = [orders[at : at + 3] for at in range(1, min(len(orders) - 2, 60), 3)]
        frames = [
            (kinds[kind % 3], number if number < 200 else 2**32 - 256 + number, bytes([kind]) * (length % (2 * FRAME)))
            for kind, number, length in triples
        ]
        *regular, last = frames or [(Kind.REGULAR, 0, b"")]
        right = (
            all(frame[:2] == (Kind.REGULAR, at) and len(frame[2]) == FRAME for at, frame in enumerate(regular, 1))
            and last[:2] == (Kind.FINAL, len(frames))
            and len(last[2]) <= FRAME
        )
        for plaintext, _ in readings(forger.message(*frames), aes_keyring()):
            assert right, "frames out of order were taken"
            assert plaintext == b"".join(content for _, _, content in frames)


def readings(message: bytes, keyring: AesKeyring | MultiKeyring) -> Iterator[tuple[bytes, bytes]]:
    """Read a message in every way; give each plaintext that comes out, with the message's id."""
    opened = 0
    with suppress(S3CSEError):
        result = decrypt(message, keyring, **OPTIONS)
        opened += 1
        yield result.plaintext, result.header.message_id
    out = bytearray(b"\xaa" * len(message))
    try:
        size = decrypt_into(message, out, keyring, threads=2 if len(message) % 7 == 0 else 1, **OPTIONS)
        opened += 1
        assert bytes(out[:size]) == result.plaintext
    except S3CSEError:
        assert set(out) <= {0, 0xAA}, "plaintext was left in the buffer"
    with suppress(S3CSEError):
        reader = MessageReader(io.BytesIO(message), keyring, signed="release-early", **OPTIONS)
        plaintext = reader.readall()
        opened += 1
        yield plaintext, reader.header.message_id
    assert opened in (0, 3), "the ways of reading do not agree"


def mutations(inputs: list[bytes], seed: int) -> Iterator[bytes]:
    """Give inputs without end: what atheris would do, without its eyes."""
    chance = random.Random(seed)
    while True:
        data = bytearray(chance.choice(inputs))
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            at, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
            end = min(end, at + chance.choice((1, 2, 4, 48, 500)))
            piece = bytes(data[at:end])
            other = chance.choice(inputs)
            start = chance.randrange(len(other))
            data[at:end] = chance.choice(
                (
                    chance.randbytes(len(piece)),
                    b"\xff" * len(piece),
                    bytes(len(piece)),
                    piece * 2,
                    b"",
                    bytes(byte ^ 1 << chance.randrange(8) for byte in piece),
                    other[start : start + 60],
                )
            )
        yield bytes(data[:LONGEST_BYTES])


def without_guide(
    target: Callable[[bytes], None], inputs: list[bytes], folder: Path, seconds: float, seed: int
) -> None:
    """Run mutations for some time."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))

    def hang(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"an input took {HANG_SECONDS} seconds")

    signal.signal(signal.SIGALRM, hang)
    end, count = time.monotonic() + seconds, 0
    for data in mutations(inputs, seed):
        try:
            signal.alarm(HANG_SECONDS)
            target(data)
        except BaseException:
            (folder / "crash").write_bytes(data)
            raise
        finally:
            signal.alarm(0)
        count += 1
        if time.monotonic() > end:
            break
    print(f"Done {count} runs")  # noqa: T201 - as libFuzzer says it


def instrument(module: ModuleType) -> None:
    """Let atheris see the branches of a module's own functions; its import hook misses editable installs."""
    for thing in vars(module).values():
        places = [thing] if inspect.isfunction(thing) else []
        if inspect.isclass(thing) and thing.__module__ == module.__name__:
            members = vars(thing).values()
            places = [getattr(member, "fget", member) for member in members]
        for place in places:
            if inspect.isfunction(place) and place.__module__ == module.__name__:
                atheris.instrument_func(place)


def main() -> None:
    """Fuzz."""
    folder, seconds = Path(sys.argv[1]), sys.argv[2]
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    corpus = Corpus()
    target, inputs = Target(corpus), list(corpus.inputs())
    for data in inputs:
        target(data)
    if atheris is None:
        without_guide(target, inputs, folder, float(seconds), int(seed))
        return
    for room in ROOMS:
        instrument(sys.modules[room])
    seeds = folder / "corpus"
    seeds.mkdir(exist_ok=True)
    for number, data in enumerate(inputs):
        (seeds / f"{number:04}").write_bytes(data)
    limits = [f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={MEMORY_BYTES >> 20}", f"-max_len={LONGEST_BYTES}"]
    bounds = [f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(seeds), *limits, *bounds], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
