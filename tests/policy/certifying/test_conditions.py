"""Where a run departs from the method, and where a device is not the part represented."""

from collections.abc import Callable
from typing import Any

import pytest

from greenzone.parts.catalogue import load_catalogue, load_profile
from greenzone.policy.certifying.conditions import LOWERING, conflicts, departures
from greenzone.policy.certifying.examining import Examined
from greenzone.policy.certifying.represented import Represented

Examine = Callable[..., Examined]
H200 = load_profile("nvidia-h200-sxm")


def found(one: Examined, represented: Represented) -> str:
    return "\n".join(departures(one.record, represented))


def test_a_run_of_the_laboratory_suite_follows_the_method(
    examined: Examine, represented: Callable[..., Represented]
) -> None:
    assert found(examined(), represented()) == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"settings": {"suite": "quick"}}, "--suite quick, and the method asks for --suite lab"),
        ({"settings": {"workloads": ["matmul", "peak", "memory"]}}, "run without interconnect"),
        ({"settings": {"formats": ["fp8"]}}, "--dtype fp8: the other formats were not tried"),
        ({"run": {"id": "r", "started_at": "2026-11-21T00:00:00+00:00", "status": "interrupted"}}, "interrupted"),
        ({"run": {"id": "r", "started_at": "2026-11-19T23:59:59+00:00", "status": "complete"}}, "begun on 2026-11-19"),
        ({"run": {"id": "r", "started_at": "yesterday", "status": "complete"}}, "cannot be read: 'yesterday'"),
        ({"settings": {"formats": 7}}, "--dtype 7: the other formats"),
        ({"settings": {"suite": 7, "workloads": None}}, "run without matmul, peak, memory, interconnect"),
    ],
)  # fmt: skip
def test_a_departure_is_told(
    examined: Examine, represented: Callable[..., Represented], more: dict[str, Any], said: str
) -> None:
    assert said in found(examined(**more), represented())


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        ({"beside": ["cuda:1", "cuda:2"]}, "run while 2 other devices of its host ran: run them in turns"),
        ({"beside": ["cuda:1"], "serial": False}, "run while another device of its host ran"),
        ({"beside": [], "serial": True}, ""), ({"beside": "all"}, ""), ("a", ""), (None, ""),
    ],
)  # fmt: skip
def test_what_ran_beside_it_is_a_departure(
    examined: Examine, represented: Callable[..., Represented], fleet: Any, said: str
) -> None:
    told = found(examined(environment={"fleet": fleet}), represented())
    assert said in told
    assert bool(told) is bool(said)


@pytest.mark.parametrize("code", LOWERING)
def test_what_lowers_a_figure_is_a_departure(
    examined: Examine, represented: Callable[..., Represented], code: str
) -> None:
    one = examined(findings=[{"code": code, "severity": "warning", "text": "as it was found"}])
    assert "as it was found" in found(one, represented())


def test_a_run_on_the_day_of_the_rule_is_not_too_early(
    examined: Examine, represented: Callable[..., Represented]
) -> None:
    run = {"id": "r", "started_at": "2026-11-20T00:00:00+00:00", "status": "complete"}
    assert found(examined(run=run), represented()) == ""


def h200(**device: Any) -> dict[str, Any]:
    own = {"name": "NVIDIA H200", "part": {"id": "nvidia-h200-sxm", "name": "NVIDIA H200"}, "memory_bytes": 150e9}
    return {**own, "units": 132, "clock_max_sm_mhz": 1980, **device}


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (h200(), ""), (h200(part={"id": "nvidia-h20", "name": "x"}), "the record is of the part nvidia-h20"),
        (h200(part=None), "the record is of the part None"), (h200(name="NVIDIA H100"), "no name of nvidia-h200-sxm"),
        (h200(units=78), "78 units, where the part has 132"), (h200(units=True), "what it is cannot be told"),
        (h200(memory_bytes=80e9), "memory of 80 GB"),
    ],
)  # fmt: skip
def test_what_does_not_agree_with_the_part(examined: Examine, device: dict[str, Any], said: str) -> None:
    own = [
        {"name": "matmul", "format": f, "window": "sustained", "validity": "valid",
         "rate_tops": {"median": t, "low": t * 0.99, "high": t * 1.01}}
        for f, t in (("bf16", 790.0), ("fp8", 1500.0))
    ]  # fmt: skip
    told = list(conflicts(examined(own=own, device=device).record, H200, load_catalogue()))
    assert (told == []) if not said else any(said in text for text in told), told


def test_an_emulated_device_is_what_its_profile_says(examined: Examine) -> None:
    one = examined(emulated=True, device=h200(units=78))
    assert list(conflicts(one.record, H200, load_catalogue())) == []
