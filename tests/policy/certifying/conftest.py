"""Fixtures of the policy's tests: represented values, and records as evidence without a run."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from greenzone.datafiles import build, load
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.certificate import Certificate
from greenzone.policy.certifying.conditions import WORKLOADS
from greenzone.policy.certifying.examining import Examined, File
from greenzone.policy.certifying.method import load_method
from greenzone.policy.certifying.represented import Represented
from greenzone.records import store

DAY = date(2026, 11, 20)
# A part whose every ceiling is known: TPP 16,000, 4,915.2 GB/s, 1,028 GB/s, and 144 GB read as 2^30 bytes.
LINES = """
[match]
names = ["ACME X1"]
[peak_tops]
fp8 = 1979
[memory]
kind = "HBM3e"
capacity_gb = 141
installed_gb = 144
bandwidth_gb_s = 4800
bus_bits = 6144
pin_gbit_s = 6.4
[[link]]
kind = "NVLink 4"
bidirectional_gb_s = 900
[[link]]
kind = "PCIe 5.0 x16"
bidirectional_gb_s = 128
[hardware]
units = 100
boost_mhz = 1900
max_mhz = 2000
ops_per_clock = { fp8 = 10000 }
"""
VALUES = {
    "tpp": 16000, "dram_bandwidth_gb_s": 5000, "interconnect_bandwidth_gb_s": 1028, "copackaged_dram_gib": 144,
}  # fmt: skip


@pytest.fixture
def x1(toml: Callable[..., Path]) -> DeviceProfile:
    return load(DeviceProfile, toml(LINES))


@pytest.fixture
def represented() -> Callable[..., Represented]:
    """Represented values of the part of `x1`, each above its ceiling unless another is given; None leaves one out."""

    def make(values: Any = None, **more: Any) -> Represented:
        kept = {name: value for name, value in {**VALUES, **(values or {})}.items() if value is not None}
        usual = {
            "schema": 1, "lot": "L1", "part": "acme-x1", "units": 1, "decision_rule": "guard", "decided_on": DAY,
            "source": "a test", "values": kept,
        }  # fmt: skip
        found: Represented = build(Represented, {**usual, **more})
        return found

    return make


def rows(tops: float = 1800.0, gb_s: float = 4300.0, u: float = 0.01, **row: Any) -> list[dict[str, Any]]:
    """A rate, a stream and a link, in both windows; U is a share of each."""
    found = []
    for window in ("burst", "sustained"):
        for data in ("normal", "low_toggle"):
            found.append({"name": "matmul", "format": "fp8", "data": data, "rate_tops": _estimate(tops, u)})
        found.append({"name": "peak", "format": "fp8", "rate_tops": _estimate(tops, u)})
        found += [{"name": f"memory.{name}", "bandwidth_gb_s": _estimate(gb_s, u)} for name in ("read", "copy")]
        found.append({"name": "interconnect.peer", "bandwidth_gb_s": _estimate(740.0, u)})
        for one in found:
            one.setdefault("window", window)
    power = [{"load_s": 0.1, "power_w": 650.0}, {"load_s": 0.2, "power_w": 690.0}]
    return [{"measured": True, "validity": "valid", "telemetry": power, **one, **row} for one in found]


def _estimate(value: float, u: float) -> dict[str, float]:
    return {"median": value, "low": value * (1 - u), "high": value * (1 + u)}


@pytest.fixture
def examined() -> Callable[..., Examined]:
    """A record of a unit as evidence that holds, unless faults are given."""

    def make(uuid: str | None = "GPU-1", own: Any = None, name: str = "r.json", **more: Any) -> Examined:
        device = {
            "id": "cuda:0", "name": "ACME X1", "uuid": uuid, "emulated": more.pop("emulated", False),
            "memory_bytes": 141e9, "units": 100, "part": {"id": "acme-x1", "name": "ACME X1"},
            **more.pop("device", {}),
        }  # fmt: skip
        settings = {"suite": "lab", "workloads": list(WORKLOADS), **more.pop("settings", {})}
        told = {key: more.pop(key, ()) for key in ("faults", "notes", "departures", "conflicts")}
        document = {
            "schema": "greenzone.record/1", "tool": {}, "rules": {}, "environment": {}, "settings": settings,
            "run": {"id": "r1", "started_at": "2026-11-21T00:00:00+00:00", "status": "complete"},
            "device": device, "benchmarks": rows() if own is None else own, **more,
        }  # fmt: skip
        return Examined(File(name, "0" * 64, "not signed"), store.parse(document, name), **told)

    return make


@pytest.fixture
def certified(x1: DeviceProfile, represented: Callable[..., Represented]) -> Callable[..., Certificate]:
    """The certificate of some records."""

    def make(*records: Examined, **more: Any) -> Certificate:
        asked = represented(**{"units": len(records), **more})
        return Certificate(asked, "f" * 64, x1, load_method(), records, date(2026, 11, 22))

    return make
