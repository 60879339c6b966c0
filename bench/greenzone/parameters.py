"""The registry of regulated parameters and item facts: one name, unit and definition for all.

Regime files, JSON, tables and plots read their names and units from here. A parameter is
`primary` when it is a fact of its own, and derived when others fix it (`derived_from`); what is
missing is always named as primary facts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from greenzone.errors import unknown


@dataclass(frozen=True)
class Parameter:
    """One regulated quantity.

    `rate` marks those of which, in a conflict of claims under a control, the highest governs.
    """

    name: str
    title: str
    unit: str
    definition: str
    rate: bool = False
    derived_from: tuple[str, ...] = ()

    @property
    def primary(self) -> bool:
        return not self.derived_from


PARAMETERS: dict[str, Parameter] = {
    p.name: p
    for p in (
        Parameter(
            "tpp", "total processing performance", "TOPS x bit",
            "maximum over number formats of the dense theoretical peak in TOPS x the bit length of the inputs, "
            "of the whole integrated circuit (ECCN 3A090, Technical Notes 1 to 3)", rate=True,
        ),
        Parameter(
            "applicable_die_area_mm2", "applicable die area", "mm2",
            "area of all logic dies made on a process node with a non-planar transistor architecture, whole, "
            "caches in, memory stacks out (ECCN 3A090, Technical Note 4)",
        ),
        Parameter(
            "performance_density", "performance density", "TOPS x bit / mm2",
            "tpp / applicable_die_area_mm2 (ECCN 3A090, Technical Note 4); undefined with no non-planar die",
            rate=True, derived_from=("tpp", "applicable_die_area_mm2"),
        ),
        Parameter(
            "io_bandwidth_gb_s", "I/O bandwidth", "GB/s",
            "aggregate bidirectional transfer rate over all inputs and outputs other than to volatile memories "
            "(87 FR 62186, ECCN 3A090.a as of 2022; ECCN 3A991.p.2)", rate=True,
        ),
        Parameter(
            "interconnect_bandwidth_gb_s", "interconnect bandwidth", "GB/s",
            "aggregate bidirectional transfer rate over all inputs and outputs, the system bus included, links to "
            "other circuits on the same package not (15 CFR 748 Supp. 2 (dd)(1), note 2)", rate=True,
        ),
        Parameter(
            "dram_bandwidth_gb_s", "total DRAM bandwidth", "GB/s",
            "aggregate bandwidth between the circuit and all DRAM, co-packaged or not, unless counted as interconnect "
            "(15 CFR 748 Supp. 2 (dd)(1), note 1)", rate=True,
        ),
        Parameter(
            "copackaged_dram_gb", "co-packaged DRAM capacity", "GB",
            "capacity of the DRAM in the circuit's package (named and not defined in 15 CFR 748 Supp. 2 (dd))",
        ),
        Parameter(
            "dram_io_bandwidth_gb_s", "DRAM and I/O bandwidth", "GB/s",
            "dram_bandwidth_gb_s + io_bandwidth_gb_s (the letters of April 2025, as reported)",
            rate=True, derived_from=("dram_bandwidth_gb_s", "io_bandwidth_gb_s"),
        ),
        Parameter(
            "hbm_bandwidth_density_gb_s_mm2", "memory bandwidth density", "GB/s / mm2",
            "bandwidth of a bare memory stack / its area (ECCN 3A090.c, Technical Note)", rate=True,
        ),
        Parameter(
            "tops", "processing performance", "TOPS",
            "highest dense TOPS, not multiplied by bits (ECCN 3A991.p, note 3)", rate=True,
        ),
        Parameter(
            "app_wt", "adjusted peak performance", "WT",
            "sum of weighted 64-bit floating point rates, in weighted teraFLOPS (ECCN 4A003)", rate=True,
        ),
        Parameter(
            "transistor_count", "aggregated approximated transistor count", "transistors",
            "transistor density x die area, summed over the advanced logic dies (ECCN 3A090, Note 1)",
        ),
    )
}  # fmt: skip

# Facts of the item that a rule may name beside its numbers.
ITEM_FACTS: dict[str, str] = {
    "datacenter": "designed or marketed for use in data centres: a judgement, so always an input",
    "hbm": "contains high-bandwidth memory",
    "marketed_since_2026": "first marketed on or after 1 January 2026",
}
ITEMS = ("integrated_circuit", "hbm_stack", "assembly", "computer")
BASES = ("claimed", "rated", "ceiling", "burst", "sustained")
# From strongest to weakest; a verdict carries the weakest it rests on.
CONFIDENCES = ("official", "quoted", "reported", "estimate", "unconfirmed")


def get_parameter(name: str) -> Parameter:
    """The parameter of that name.

    Raises:
        UsageError: no such parameter; the message names the nearest.
    """
    try:
        return PARAMETERS[name]
    except KeyError:
        raise unknown("parameter", name, PARAMETERS) from None


def weakest(confidences: Sequence[str]) -> str:
    """The weakest confidence of several; official where there is none.

    >>> weakest(["official", "reported"])
    'reported'
    """
    return max(confidences, key=CONFIDENCES.index, default="official")
