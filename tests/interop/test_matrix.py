"""Real clients, in both directions: each mode, key and storage of the envelope, objects of 0 bytes to 5 MiB + 1."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from interop import results
from interop.clients import CLIENTS, READS, Client, Mode
from interop.conftest import driver_of, driver_or_skip
from interop.drivers import Driver
from interop.matrix import THEY_READ, WE_READ, Cell, Outcome, cells, expected

pytestmark = pytest.mark.heavy

Outcomes = Callable[[str], dict[Cell, Outcome]]


@pytest.mark.parametrize("cell", [pytest.param(cell, id=str(cell)) for c in CLIENTS for cell, _ in cells(c, WE_READ)])
def test_we_read_what_it_wrote(outcomes: Outcomes, cell: Cell) -> None:
    """Our client returns the bytes of every size that this client wrote, and that it reads itself."""
    found = outcomes(cell.client)[cell]
    assert found.word == READS, found.errors


@pytest.mark.parametrize(
    ("client", "cell", "mode"),
    [pytest.param(client, *pair, id=str(pair[0])) for client in CLIENTS for pair in cells(client, THEY_READ)],
)
def test_it_reads_what_we_wrote(outcomes: Outcomes, client: Client, cell: Cell, mode: Mode) -> None:
    """This client returns our bytes of every size, or refuses every one where its mode does not take the profile."""
    found = outcomes(cell.client)[cell]
    assert found.word == expected(client, cell, mode), found.errors


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_the_published_matrix_is_what_this_run_found(outcomes: Outcomes, client: Client) -> None:
    """The committed results are this run's; if not, the run writes them."""
    before = results.committed().get(client.name)
    driver = driver_of(client.name)
    if not isinstance(driver, Driver):
        if before is None:
            results.publish(client, results.not_run(client))
        driver_or_skip(client.name)
        return
    found = results.entry(client, driver.version, outcomes(client.name))
    if before is None or {**before, "version": driver.version} != found:
        results.publish(client, found)
        pytest.fail(f"{client.name}: {results.FILE.name} was out of date; run python docs/generate.py, commit both")
