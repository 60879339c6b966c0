"""`identify` on emulated records of every profile, and the words it has for a part that is not what it says."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from greenzone.errors import DeviceError
from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.fingerprint import Fingerprint, seen
from greenzone.lab.harness import Request, run
from greenzone.lab.identify import identify, siblings
from greenzone.lab.operators import Matmul, Operator
from greenzone.lab.streams import Copy, Read, Triad
from greenzone.parts.catalogue import load_catalogue, load_profile
from greenzone.parts.profile import DeviceProfile

PROFILES = load_catalogue().profiles
NOISE = 0.02

SETTLED_S = 0.2


def emulated(profile: DeviceProfile, seed: int = 0) -> Fingerprint:
    """What an emulated device shows of itself, with noise of 2 % on every figure; its arithmetic is not run."""
    device = EmulatedDevice(profile, seed)
    noise = np.random.default_rng(seed)

    def measured(operator: Operator, amount: float) -> float:
        kernel = device.prepare(operator, seed)
        once = device.time(kernel, 1)[0]
        device.time(kernel, math.ceil(SETTLED_S / once))  # power holds the clock of a sustained rate, not of the first
        seconds = min(device.time(kernel, 4))
        kernel.close()
        return amount / seconds * math.exp(NOISE * noise.normal())

    rates = {}
    for name in device.formats():
        product = Matmul(4096, 4096, 4096, name, True)
        rates[name] = measured(product, product.operations / 1e12)
    streams = {}
    for kind in (Copy, Triad, Read):
        operator = kind(2**28)
        try:
            streams[str(operator.name).removeprefix("memory.")] = measured(operator, operator.bytes / 1e9)
        except DeviceError:
            continue
    facts = device.describe()
    return Fingerprint(
        name=device.name, memory_gb=device.memory_bytes / 1e9 or None, units=facts["units"],
        clock_mhz=facts["clock_max_mhz"] or facts["clock_boost_mhz"], rates=rates, streams=streams, emulated=True,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.id)
def test_an_emulated_part_is_named_or_cannot_be_told_from_the_one_named(profile: DeviceProfile, seed: int) -> None:
    found = emulated(profile, seed)
    identity = identify(replace(found, name="of no name"), PROFILES)
    names = [c.profile.id for c in identity.likeliest]
    assert profile.id in names
    assert len(names) <= 5, "as good as everything is no answer"


@pytest.mark.parametrize("ref", ["nvidia-h100-sxm", "nvidia-l20", "amd-mi300x", "google-tpu-v5e", "intel-max-1550"])
def test_a_part_whose_rates_are_all_a_fifth_below_the_usual_is_still_named(ref: str) -> None:
    found = emulated(load_profile(ref))
    slow = replace(found, rates={name: 0.8 * rate for name, rate in found.rates.items()})
    assert ref in [c.profile.id for c in identify(slow, PROFILES).likeliest]


def test_a_device_that_is_like_no_part_is_given_no_name() -> None:
    found = Fingerprint(name="x", memory_gb=7.0, units=999, rates={"fp16": 1e6, "int8": 3.0}, streams={"copy": 1.0})
    identity = identify(found, PROFILES)
    assert identity.likeliest == ()
    assert "no part that is known" in dict(identity.findings)["unknown_name"]


def test_a_record_of_an_emulated_h20_is_an_h20(tmp_path: Path) -> None:
    outcome = run(Request("emulated:nvidia-h20", workloads=("matmul", "memory"), folder=tmp_path))
    identity = identify(seen(outcome.record), PROFILES)
    assert [c.profile.id for c in identity.likeliest] == ["nvidia-h20"]
    assert identity.findings == ()


def test_a_4090_with_48_gb_is_told_by_its_memory() -> None:
    card = replace(emulated(load_profile("nvidia-rtx-4090")), memory_gb=48 * 2**30 / 1e9)
    identity = identify(card, PROFILES)
    findings = dict(identity.findings)
    assert [c.profile.id for c in identity.likeliest] == ["nvidia-rtx-4090"]
    assert set(findings) == {"memory_differs"}
    assert "memory twice that of the part" in findings["memory_differs"]
    assert "names itself nvidia-rtx-4090" in findings["memory_differs"]


def test_a_card_under_anothers_name_is_said_to_behave_like_what_it_is() -> None:
    card = replace(emulated(load_profile("nvidia-l4")), name="NVIDIA H20")
    findings = dict(identify(card, PROFILES).findings)
    assert "names itself nvidia-h20 and behaves like nvidia-l4" in findings["unlike_its_name"]
    assert "units_differ" in findings


def test_a_card_three_times_slower_is_told_alone_and_among_siblings() -> None:
    good = emulated(load_profile("nvidia-h100-sxm"))
    slow = replace(good, rates={name: rate / 3 for name, rate in good.rates.items()})
    findings = identify(slow, PROFILES).findings
    assert any("slower than its siblings usually are" in text for _, text in findings)
    (row,) = siblings([good, emulated(load_profile("nvidia-h100-sxm"), 1), slow, good])
    assert row[0] == 2
    assert "0.33 of the median of 3 others" in row[1]
    assert siblings([good, slow]) == [], "of two nobody knows which is the slow one"


def test_a_cap_after_a_burst_and_a_rate_above_the_ceiling_are_said() -> None:
    found = Fingerprint(
        name="NVIDIA GeForce RTX 5090 D v2", rates={"int8": 570.0}, burst={"int8": 665.0}, lower={"int8": 2000.0}
    )
    findings = dict(identify(found, PROFILES).findings)
    assert findings["limiter"] == "a cap acts after a burst: int8 665 then 570 TOPS"
    assert findings["above_ceiling"].startswith("int8 at 2000 TOPS is above the ")


@pytest.mark.parametrize(
    ("name", "code"), [("ACME X1", "unknown_name"), (None, "unknown_name"), ("NVIDIA H20", "rate_differs")]
)
def test_a_name_that_nobody_claims_is_said(name: str | None, code: str) -> None:
    found = replace(emulated(load_profile("nvidia-a30")), name=name)
    assert code in dict(identify(found, PROFILES).findings)


def test_a_name_that_two_profiles_claim_is_said() -> None:
    twin = replace(load_profile("nvidia-h20"), id="acme-h20")
    findings = dict(identify(emulated(load_profile("nvidia-h20")), [*PROFILES, twin]).findings)
    assert "is that of nvidia-h20 and acme-h20" in findings["ambiguous_name"]


def test_a_fingerprint_without_figures_has_nothing_to_compare() -> None:
    assert identify(Fingerprint(name="x", memory_gb=80.0), PROFILES).findings[0][0] == "nothing_to_compare"
