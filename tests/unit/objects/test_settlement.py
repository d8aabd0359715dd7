"""Whether something has happened whose answer was lost: looked for again, for a while, where it may still happen."""

from __future__ import annotations

import pytest

from s3cse.errors import TransferError
from s3cse.objects import settlement
from s3cse.objects.settlement import may_have_happened, may_still_happen, seen

LOST = TransferError("the connection broke")
REFUSED = TransferError("S3 said no", status=403)


class World:
    """Shows something at the look of this number; looks of some numbers are not answered."""

    def __init__(self, visible_at: int = 99, unanswered: tuple[int, ...] = ()) -> None:
        self._visible_at = visible_at
        self._unanswered = unanswered
        self.looks = 0
        self.slept: list[float] = []

    def look(self) -> bool:
        self.looks += 1
        if self.looks in self._unanswered:
            raise TransferError("S3 did not describe the object")
        return self.looks >= self._visible_at

    def seen(self, error: BaseException) -> bool:
        return seen(self.look, error, self.slept.append)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of earnest, of which no test sleeps one."""
    monkeypatch.setattr(settlement, "PAUSES", (0.5, 1.0, 2.0))


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (LOST, True), (TransferError("x", status=500), True), (TransferError("x", status=503), True),
        (TransferError("an error in an answer of 200", status=200), True), (KeyboardInterrupt(), True),
        (REFUSED, False), (TransferError("x", status=404), False), (TransferError("x", status=412), False),
        (TransferError("the arguments are wrong", sent=False), False),
    ],
)  # fmt: skip
def test_what_s3_refused_does_not_happen(error: BaseException, may: bool) -> None:
    """A clear no is final, and so is what never left; silence and S3's own failures are not."""
    assert may_still_happen(error) is may


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (LOST, True), (TransferError("x", status=503), True), (KeyboardInterrupt(), True),
        (TransferError("no such upload: completed, perhaps", status=404), True), (TransferError("x", status=408), True),
        (TransferError("the second time", status=412, repeated=True), True),
        (REFUSED, False), (TransferError("x", status=400), False), (TransferError("x", status=412), False),
        (TransferError("the arguments are wrong", sent=False), False),
    ],
)  # fmt: skip
def test_refusals_that_hide_a_success(error: BaseException, may: bool) -> None:
    """botocore repeats requests by itself, and what is repeated may be refused because the first one was done."""
    assert may_have_happened(error) is may


@pytest.mark.parametrize(("visible_at", "slept"), [(1, []), (2, [0.5]), (3, [0.5, 1.0]), (4, [0.5, 1.0, 2.0])])
def test_late_is_not_never(visible_at: int, slept: list[float]) -> None:
    """What comes within the pauses is seen, and nobody waits longer than for that."""
    world = World(visible_at)
    assert world.seen(LOST)
    assert world.slept == slept


def test_waiting_has_an_end() -> None:
    """Four looks, 3.5 s."""
    world = World()
    assert not world.seen(LOST)
    assert (world.looks, sum(world.slept)) == (4, 3.5)


@pytest.mark.parametrize("visible_at", [1, 99])
def test_a_refusal_is_looked_at_once(visible_at: int) -> None:
    """A retry of botocore's may be refused because the request before it was done."""
    world = World(visible_at)
    assert world.seen(REFUSED) is (visible_at == 1)
    assert (world.looks, world.slept) == (1, [])


@pytest.mark.parametrize("visible", [True, False])
def test_a_look_after_a_refusal_is_repeated_until_it_is_answered(visible: bool) -> None:
    """One answer is enough, but one there must be."""
    world = World(1 if visible else 99, unanswered=(1, 2))
    assert world.seen(REFUSED) is visible
    assert (world.looks, world.slept) == (3, [0.5, 1.0])
    with pytest.raises(TransferError, match="describe"):
        World(unanswered=(1, 2, 3, 4)).seen(REFUSED)


def test_only_the_last_look_must_be_answered() -> None:
    """A HEAD that fails as well is sent again; the last one's error comes out."""
    assert World(4, unanswered=(1, 2, 3)).seen(LOST)
    with pytest.raises(TransferError, match="describe"):
        World(unanswered=(4,)).seen(LOST)
