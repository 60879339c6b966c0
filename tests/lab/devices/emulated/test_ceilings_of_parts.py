"""No emulated part that ships is modelled faster than its silicon: every figure of it would be refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from greenzone.lab.devices.emulated.device import EmulatedDevice
from greenzone.lab.measure.sampling import CEILING_MARGIN
from greenzone.lab.operators import Matmul
from greenzone.lab.peak import Peak
from greenzone.parts.catalogue import load_profile, load_profiles
from greenzone.parts.profile import DeviceProfile

PARTS = [p for p in load_profiles() if p.hardware and p.hardware.ops_per_clock and p.peak_tops and p.memory]


def shares(profile: DeviceProfile) -> Iterator[tuple[str, float]]:
    """What a product and a peak reach of the ceiling, in each format that has one."""
    device = EmulatedDevice(profile)
    for form in device.formats():
        ceiling = device.ceiling_tops(form)
        for operator in (Matmul(4096, 4096, 4096, form), Peak(form, 528, 128, 128, 64, 512)) if ceiling else ():
            kernel: Any = device.prepare(operator, 0)
            yield form, operator.operations / kernel.cost.seconds / 1e12 / ceiling
            kernel.close()


@pytest.mark.parametrize("profile", PARTS, ids=lambda p: p.id)
def test_no_format_is_modelled_above_its_ceiling(profile: DeviceProfile) -> None:
    assert [(form, share) for form, share in shares(profile) if share > CEILING_MARGIN] == []


def test_operations_that_do_not_give_the_claim_are_found() -> None:
    """44 in fp32 is what the H20 is sold as; 256 operations a clock, as Hopper has them, would be 39.5."""
    h20 = load_profile("nvidia-h20")
    assert h20.hardware is not None
    fewer = replace(h20.hardware, ops_per_clock={**h20.hardware.ops_per_clock, "fp32": 256})
    assert "fp32" in {form for form, share in shares(replace(h20, hardware=fewer)) if share > CEILING_MARGIN}
