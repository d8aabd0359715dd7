"""Real clients, beyond the matrix: encryption contexts, ranges, instruction files of other suffixes and other keys."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import replace

import pytest

from interop import ours
from interop.conftest import driver_or_skip
from interop.jobs import Body, Job, Key, Result
from interop.matrix import World
from s3cse.errors import KeyringError, S3CSEError

pytestmark = pytest.mark.heavy

#: Each client with KMS, in a mode that writes and one that reads `emrfs-v2` with a context.
WITH_CONTEXT = {
    "java-sdk1": "V2-AuthenticatedEncryption",
    "java-s3ec3": "default",
    "java-s3ec4": "FORBID_ENCRYPT_ALLOW_DECRYPT",
    "python-s3ec4": "FORBID_ENCRYPT_ALLOW_DECRYPT",
    "ruby": "V2",
    "go-sdk1": "V2",
}
GO, PYTHON = "go-sdk1", "python-s3ec4"
COMMITTING = {"java-s3ec4": "REQUIRE_ENCRYPT_REQUIRE_DECRYPT", "python-s3ec4": "REQUIRE_ENCRYPT_REQUIRE_DECRYPT"}
CONTEXT = {"team": "blue", "empty": "", 'a "quoted" name': "back\\slash"}
#: The first is in ISO-8859-1, which Java sends as it is; the second becomes a question mark.
NON_ASCII = [{"Straße": "Grüße"}, {"price": "5 €"}]
RANGES = [(0, 0), (0, 15), (5, 20), (16, 31), (999, 999), (990, 2000)]
#: Java clients that read ranges when they are told that nothing verifies them.
RANGE_READERS = {
    "java-sdk1": ("V2-AuthenticatedEncryption", ("emrfs", "emrfs-v2")),
    "java-s3ec3": ("default+legacy", ("emrfs", "emrfs-v2")),
    "java-s3ec4": ("FORBID_ENCRYPT_ALLOW_DECRYPT+legacy", ("emrfs", "emrfs-v2", "s3ec-v4")),
}


def body_of(world: World, name: str = "1000") -> Body:
    """Return a plaintext of the world."""
    return next(body for body in world.bodies if body.name == name)


def job_for(case: ours.Case, op: str, mode: str, **more: object) -> Job:
    """Return a job on the object of a case."""
    body = None if case.body is None else str(case.body.path)
    name = f"{op}-{uuid.uuid4().hex}"
    job = Job(name, op, mode, case.keyring, case.bucket, case.key, case.storage, case.context, body)
    return replace(job, **more)  # type: ignore[arg-type]


def do(world: World, client: str, *jobs: Job, s3_url: str | None = None) -> list[Result]:
    """Let a client do these jobs, on another S3 server if one is given."""
    environment = world.servers.environment() | ({} if s3_url is None else {"AWS_ENDPOINT_URL_S3": s3_url})
    results = driver_or_skip(client).run(jobs, environment)
    return [results[job.id] for job in jobs]


def new_case(world: World, key: str = "kms", **more: object) -> ours.Case:
    """Return a case with an object of its own."""
    case = ours.Case(world.bucket, f"details/{uuid.uuid4().hex}", world.keys[key], body=body_of(world))
    return replace(case, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("client", WITH_CONTEXT)
def test_contexts_of_v2_objects(world: World, client: str) -> None:
    """An encryption context is the same thing on both sides, and another one is refused on both."""
    case = new_case(world, context=CONTEXT)
    check_contexts(world, client, WITH_CONTEXT[client], case)


@pytest.mark.parametrize("client", COMMITTING)
def test_contexts_of_v3_objects(world: World, client: str) -> None:
    """The same for objects that commit to their key."""
    case = new_case(world, context=CONTEXT, profile="s3ec-v4")
    check_contexts(world, client, COMMITTING[client], case)


def check_contexts(world: World, client: str, mode: str, theirs: ours.Case) -> None:
    """Check one client with one context, and with another one."""
    other = {"team": "red"}
    mine = replace(theirs, key=f"{theirs.key}-ours")
    ours.write(world.servers, mine)
    written, right, wrong = do(
        world,
        client,
        job_for(theirs, "put", mode),
        job_for(mine, "get", mode),
        job_for(replace(mine, context=other), "get", mode),
    )
    assert written.ok, written.error
    assert theirs.body is not None
    assert right.is_plaintext(theirs.body.data), right.error or right.length
    assert not wrong.ok or client == GO, "Go sends the stored context, whatever the caller's is"
    assert ours.read(world.servers, theirs) == theirs.body.data
    assert ours.read(world.servers, replace(theirs, context={})) == theirs.body.data
    with pytest.raises(S3CSEError):
        ours.read(world.servers, replace(theirs, context=other))


@pytest.mark.parametrize("context", NON_ASCII, ids=["latin-1", "beyond"])
@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize("client", ["java-sdk1", "java-s3ec3", "java-s3ec4"])
def test_non_ascii_contexts_written_by_java(world: World, client: str, storage: str, context: dict[str, str]) -> None:
    """An override opens what Java stored of a context, damaged or not."""
    # SeaweedFS takes such headers for wrongly signed; moto's S3, beside its KMS, looks at no signature.
    moto = world.servers.kms_url
    case = new_case(world, context=context, storage=storage, s3_url=moto)
    world.servers.s3_client(moto).create_bucket(Bucket=case.bucket)
    (written,) = do(world, client, job_for(case, "put", WITH_CONTEXT[client]), s3_url=moto)
    assert written.ok, written.error
    assert case.body is not None
    assert ours.read(world.servers, replace(case, override=True)) == case.body.data


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize("client", WITH_CONTEXT)
def test_non_ascii_contexts_written_by_us(world: World, client: str, storage: str) -> None:
    """Ours are stored as ASCII, so every client reads them that allows such a context at all."""
    case = new_case(world, context=NON_ASCII[0] | NON_ASCII[1], storage=storage)
    ours.write(world.servers, case)
    (read,) = do(world, client, job_for(case, "get", WITH_CONTEXT[client]))
    assert case.body is not None
    if client == PYTHON:
        assert "only US-ASCII" in read.error
        return
    assert read.is_plaintext(case.body.data), read.error or read.length


@pytest.mark.parametrize("keyring", ["kms", "aes", "rsa"])
@pytest.mark.parametrize("client", RANGE_READERS)
def test_ranges_of_our_objects(world: World, client: str, keyring: str) -> None:
    """The Java clients read our objects in ranges, byte for byte."""
    mode, profiles = RANGE_READERS[client]
    jobs, slices = [], []
    for profile in profiles:
        case = new_case(world, keyring, profile=profile, context=world.context(keyring))
        ours.write(world.servers, case)
        assert case.body is not None
        for first, last in RANGES:
            jobs.append(job_for(case, "range", mode, first=first, last=last))
            slices.append(case.body.data[first : last + 1])
    for result, job, expected in zip(do(world, client, *jobs), jobs, slices, strict=True):
        assert result.is_plaintext(expected), (job, result)


@pytest.mark.parametrize(
    ("client", "mode", "profile"),
    [
        ("java-sdk1", "AuthenticatedEncryption", "emrfs-v2"),
        ("java-s3ec3", "default", "emrfs-v2"),
        ("java-s3ec4", "REQUIRE_ENCRYPT_REQUIRE_DECRYPT", "s3ec-v4"),
    ],
)
@pytest.mark.parametrize("writer", ["ours", "theirs"])
def test_sharing_by_another_instruction_file(world: World, client: str, mode: str, profile: str, writer: str) -> None:
    """Java wraps an object's data key for somebody else's RSA key; both keys open it, here and there."""
    case = new_case(world, "rsa", storage="instruction-file", profile=profile, context={"for": "me"})
    shared = replace(case, keyring=Key.pair(), context={"for": "you"}, suffix=".shared")
    assert case.body is not None
    if writer == "ours":
        ours.write(world.servers, case)
    steps = [
        job_for(case, "put", mode),
        job_for(case, "reencrypt", mode, suffix=".shared", newKeyring=shared.keyring, newContext=shared.context),
        job_for(shared, "get", mode, suffix=".shared"),
    ]
    for result in do(world, client, *steps[writer == "ours" :]):
        assert result.ok, result.error
    assert result.is_plaintext(case.body.data)
    assert ours.read(world.servers, case) == case.body.data
    assert ours.read(world.servers, shared) == case.body.data
    with pytest.raises((KeyringError, S3CSEError)):
        ours.read(world.servers, replace(shared, keyring=case.keyring))


@pytest.mark.parametrize("client", ["java-sdk1", "java-s3ec3", "java-s3ec4", "python-s3ec4", "ruby"])
def test_our_instruction_files_of_another_suffix(world: World, client: str) -> None:
    """Clients that take a suffix on GET find our instruction file under it."""
    case = new_case(world, storage="instruction-file", suffix=".mine")
    ours.write(world.servers, case)
    (read,) = do(world, client, job_for(case, "get", WITH_CONTEXT[client], suffix=".mine"))
    assert case.body is not None
    assert read.is_plaintext(case.body.data), read.error or read.length


def test_objects_for_redshift(world: World) -> None:
    """The old Java client, whose format Redshift reads, opens them with the bare key."""
    case = new_case(world, keyring=Key.raw(secrets.token_bytes(32)), profile="redshift")
    ours.write(world.servers, case)
    (read,) = do(world, "java-sdk1", job_for(case, "get", "EncryptionOnly"))
    assert case.body is not None
    assert read.is_plaintext(case.body.data), read.error or read.length
