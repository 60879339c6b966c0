"""The same device at several dates: what moved, by how much, and what changed beside it."""

from collections.abc import Callable

import pytest

from greenzone.fleet.gathering.figures import DeviceSummary
from greenzone.fleet.gathering.summary import summarised

Make = Callable[..., DeviceSummary]


@pytest.fixture
def history(device: Make) -> Callable[..., list[DeviceSummary]]:
    """Runs of one device, one on the first of each month of 2026."""

    def make(*rates: float, **last: object) -> list[DeviceSummary]:
        days = [f"2026-{n:02}-01T00:00:00+00:00" for n in range(1, len(rates) + 1)]
        runs = [device(0, r, run=f"r{d}", started_at=d, ended_at=d) for r, d in zip(rates, days, strict=True)]
        said = {"run": "last", "started_at": days[-1], "ended_at": days[-1], **last}
        return [*runs[:-1], device(0, rates[-1], **said)]

    return make


def test_a_change_is_told_with_its_uncertainty_and_what_else_changed(
    history: Callable[..., list[DeviceSummary]],
) -> None:
    [d] = summarised(history(140.0, 126.0, beside={"driver": "590"})).lots[0].drifts
    assert (d.first, d.last, d.runs, d.per_month) == (140.0, 126.0, 2, None)
    assert d.change == pytest.approx(-0.1)
    assert d.unsure == pytest.approx(0.9 * ((0.2 / 140) ** 2 + (0.2 / 126) ** 2) ** 0.5)
    assert d.beside == ("driver: 580 before, 590 after",)


def test_the_slope_is_not_moved_by_one_bad_day(history: Callable[..., list[DeviceSummary]]) -> None:
    steady = [140.0 - 1.4 * n for n in range(7)]
    [even] = summarised(history(*steady)).lots[0].drifts
    [odd] = summarised(history(*steady[:3], 60.0, *steady[4:])).lots[0].drifts
    assert even.per_month is not None
    assert odd.per_month is not None
    assert even.per_month == pytest.approx(-0.01, rel=0.05)  # 1 % a month of some 30 days
    assert odd.per_month == pytest.approx(even.per_month, rel=0.1)
    assert even.beside == ()
    assert len(even.points) == 7


@pytest.mark.parametrize("rates", [(140.0, 140.0), (140.0, 138.0), (140.0, 100.0, 141.0), (140.0,)])
def test_what_did_not_move_is_not_told(history: Callable[..., list[DeviceSummary]], rates: tuple[float, ...]) -> None:
    assert summarised(history(*rates)).lots[0].drifts == ()


def test_a_device_that_was_moved_says_so(history: Callable[..., list[DeviceSummary]]) -> None:
    [d] = summarised(history(140.0, 120.0, node="node09", place="node09-1")).lots[0].drifts
    assert "node: node00 before, node09 after" in d.beside
