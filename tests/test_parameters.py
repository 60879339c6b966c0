"""The registry of regulated parameters."""

import pytest

from greenzone.errors import UsageError
from greenzone.parameters import BASES, CONFIDENCES, PARAMETERS, get_parameter, weakest

NAMES = {
    "tpp",
    "applicable_die_area_mm2",
    "performance_density",
    "io_bandwidth_gb_s",
    "interconnect_bandwidth_gb_s",
    "dram_bandwidth_gb_s",
    "copackaged_dram_gb",
    "dram_io_bandwidth_gb_s",
    "hbm_bandwidth_density_gb_s_mm2",
    "tops",
    "app_wt",
    "transistor_count",
}


def test_the_names_are_those_of_the_contract() -> None:
    assert set(PARAMETERS) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_parameter_says_its_unit_and_definition(name: str) -> None:
    p = get_parameter(name)
    assert p.unit
    assert len(p.definition) > 20


def test_derived_parameters_rest_on_primary_ones() -> None:
    derived = {p.name: p.derived_from for p in PARAMETERS.values() if not p.primary}
    assert derived == {
        "performance_density": ("tpp", "applicable_die_area_mm2"),
        "dram_io_bandwidth_gb_s": ("dram_bandwidth_gb_s", "io_bandwidth_gb_s"),
    }


def test_an_area_and_a_capacity_are_no_rates() -> None:
    assert not PARAMETERS["applicable_die_area_mm2"].rate
    assert not PARAMETERS["copackaged_dram_gb"].rate
    assert PARAMETERS["tpp"].rate


def test_the_five_bases_are_those_of_the_contract() -> None:
    assert BASES == ("claimed", "rated", "ceiling", "burst", "sustained")


def test_the_weakest_confidence_wins() -> None:
    assert CONFIDENCES == ("official", "quoted", "reported", "estimate", "unconfirmed")
    assert weakest(["quoted", "unconfirmed", "official"]) == "unconfirmed"
    assert weakest([]) == "official"


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="nearest: tpp"):
        get_parameter("ttp")
