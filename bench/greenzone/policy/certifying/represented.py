"""The format of `--represented`: what a licence application says of a lot, and by which rule it is decided.

    schema = 1
    lot = "2026-017"
    part = "nvidia-h200-sxm"
    units = 8
    decision_rule = "guard"
    decided_on = 2026-11-20
    source = "licence application, section 3"

    [values]
    tpp = 15832
    dram_bandwidth_gb_s = 4920
    interconnect_bandwidth_gb_s = 1028
    copackaged_dram_gib = 141

The rule is chosen before the first run (ISO/IEC 17025:2017, 7.1.3), so it stands here with its day. A quantity that
is left out is one that nothing is confirmed of.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

from greenzone.datafiles import Bound, Check, Count, Positive, Strings, load
from greenzone.law.countries import ISO
from greenzone.policy.document import DecisionRule

# The four quantities a laboratory confirms, in the order of (dd)(3)(i)(C), by their names among the parameters.
QUANTITIES = ("tpp", "dram_bandwidth_gb_s", "interconnect_bandwidth_gb_s", "copackaged_dram_gb")
GIB_GB = 2**30 / 1e9


def _check_country(code: str) -> str:
    if code not in ISO:
        raise ValueError(f"{code!r} is no country; give an ISO 3166 code of two letters, as in US")
    return code


Country = Annotated[str, Check(_check_country)]


@dataclass(frozen=True)
class Values:
    """The represented value of each quantity; the capacity in one of its two units, peak power beside them."""

    tpp: Positive | None = None
    dram_bandwidth_gb_s: Positive | None = None
    interconnect_bandwidth_gb_s: Positive | None = None
    copackaged_dram_gb: Positive | None = None
    copackaged_dram_gib: Positive | None = None
    peak_power_w: Positive | None = None

    def __post_init__(self) -> None:
        if self.copackaged_dram_gb is not None and self.copackaged_dram_gib is not None:
            raise ValueError("values.copackaged_dram_gib - give gb (10^9 bytes) or gib (2^30 bytes), not both")

    def of(self, quantity: str) -> float | None:
        """The represented value in the unit of the parameter; GiB are turned to GB of 10^9 bytes."""
        if quantity == "copackaged_dram_gb" and self.copackaged_dram_gib is not None:
            return self.copackaged_dram_gib * GIB_GB
        value: float | None = getattr(self, quantity)
        return value


@dataclass(frozen=True)
class Laboratory:
    """Who tests, and what they declare of themselves under (dd)(3)(i)(A) and (B): printed as declared, not checked."""

    name: str
    address: str
    headquarters: Country | None = None
    tested_in: Country | None = None
    accreditation: str | None = None
    declarations: Strings = ()


@dataclass(frozen=True)
class Represented:
    """A lot as it is represented, and how it is decided.

    `nonconforming_max` is how many units that would exceed may remain among those not tested, at 95 % confidence;
    0 asks for every unit.
    """

    schema_version: Annotated[int, Bound(ge=1, le=1)] = field(metadata={"key": "schema"})
    lot: str
    part: str
    units: Count
    decision_rule: DecisionRule
    decided_on: date
    source: str
    values: Values = field(default_factory=Values)
    uuids: Strings = ()
    nonconforming_max: Annotated[int, Bound(ge=0, le=10**15)] = 0
    applicant: str | None = None
    laboratory: Laboratory | None = None

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(self.uuids).items() if count > 1]
        if twice:
            raise ValueError(f"uuids - {', '.join(twice)} stands more than once; a unit is listed once")
        if len(self.uuids) > self.units:
            raise ValueError(f"uuids - {len(self.uuids)} are listed and the lot has {self.units} units")


def load_represented(path: Path) -> Represented:
    """Read a file of represented values.

    Raises:
        FileError: it cannot be read.
        DataFileError: it breaks its format or contradicts itself; holds every fault found.
    """
    return load(Represented, path)
