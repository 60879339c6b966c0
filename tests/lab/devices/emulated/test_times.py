"""Tiles and waves, rows read twice, and the clock that a power limit leaves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenzone.lab.devices.emulated.clocks import clock_after, power_w, steady_clock
from greenzone.lab.devices.emulated.constants import time_table
from greenzone.lab.devices.emulated.model import TimeModel
from greenzone.lab.devices.emulated.part import Part, part_of
from greenzone.lab.devices.emulated.products import product_work, products
from greenzone.lab.devices.emulated.rows import norm_work, softmax_work
from greenzone.lab.layer_operators import BatchedMatmul, LayerNorm, Softmax
from greenzone.lab.operators import Matmul
from greenzone.parts.catalogue import load_profile

V100, T4, A100 = (load_profile(f"nvidia-{name}") for name in ("v100-pcie-32gb", "t4", "a100-pcie-40gb"))
RATE = 14e12


def part(**changes: object) -> Part:
    return replace(part_of(V100, 0.9), **changes)  # type: ignore[arg-type]


def test_one_operator_and_many_take_the_same_way() -> None:
    m, n, k = (np.array(sizes) for sizes in ((512, 4096, 1000), (768, 8192, 77), (96, 4096, 5000)))
    whole = product_work(part(), products(1, m, n, k, 1), RATE)
    for place, sizes in enumerate(zip(m, n, k, strict=True)):
        alone = product_work(part(), products(1, *sizes, 1), RATE)
        assert whole.compute_seconds[place] == alone.compute_seconds[0]
        assert whole.traffic_bytes[place] == alone.traffic_bytes[0]


def test_a_tile_more_than_a_wave_costs() -> None:
    """80 units: 80 tiles of 128 x 128 are one wave, 96 are not."""
    only = replace(part().architecture, tiles_nt=("128x128",))
    one, more = (product_work(part(architecture=only), products(1, 128 * r, 1024, 8192, 1), RATE) for r in (10, 12))
    assert (more.compute_seconds / more.operations)[0] > 1.2 * (one.compute_seconds / one.operations)[0]


def test_a_long_sum_is_split_where_there_are_few_tiles() -> None:
    short, long = (product_work(part(), products(1, 256, 256, k, 1), RATE) for k in (128, 16384))
    assert (short.operations / short.compute_seconds)[0] < 0.5 * (long.operations / long.compute_seconds)[0]
    assert long.traffic_bytes[0] > 4 * (2 * 256 * 16384 + 256 * 256)


def test_hanging_over_a_tile_is_time_without_work() -> None:
    only = replace(part().architecture, tiles_nt=("128x128",))
    full, over = (product_work(part(architecture=only), products(1, m, 128, 512, 1), RATE) for m in (12800, 12801))
    assert over.compute_seconds[0] > full.compute_seconds[0]


SIDES = st.integers(min_value=1, max_value=20000)


@given(SIDES, SIDES, SIDES, st.integers(min_value=1, max_value=64))
def test_no_batched_product_beats_the_roofline(m: int, n: int, k: int, batch: int) -> None:
    model, product = TimeModel(V100), BatchedMatmul(batch, m, n, k, "fp32")
    seconds = model.cost(product).seconds
    assert seconds > product.operations / (model.peak_tops("fp32") or 0) / 1e12
    assert seconds > product.bytes / 900e9


def test_rows_beyond_the_reach_of_address_translation_are_slow() -> None:
    near, far = (product_work(part(), products(1, 4096, 4096, k, 1), RATE) for k in (8192, 65536))
    assert (near.operations / near.compute_seconds)[0] > 1.1 * (far.operations / far.compute_seconds)[0]
    away = replace(part().architecture, beyond_reach=False)
    same = product_work(part(architecture=away), products(1, 4096, 4096, 65536, 1), RATE)
    assert (same.operations / same.compute_seconds)[0] > 1.1 * (far.operations / far.compute_seconds)[0]


def test_a_normalised_row_is_read_twice_where_no_cache_holds_it() -> None:
    rows, width = np.array([100000.0]), np.array([8192.0])
    assert norm_work(part(), rows, width, 4.0).traffic_bytes[0] == 3 * 100000 * 8192 * 4
    assert norm_work(part(l2_bytes=1e12), rows, width, 4.0).traffic_bytes[0] == 2 * 100000 * 8192 * 4


def test_a_softmax_of_long_rows_reads_them_three_times() -> None:
    rows, short, long = np.array([10000.0]), np.array([1024.0]), np.array([32768.0])
    assert softmax_work(part(), rows, short, 4.0).traffic_bytes[0] == 2 * 10000 * 1024 * 4
    assert softmax_work(part(), rows, long, 4.0).traffic_bytes[0] == 4 * 10000 * 32768 * 4


def test_the_clock_is_the_highest_that_keeps_the_limit() -> None:
    board = part_of(T4, 0.765)
    work = product_work(board, products(1, 4096, 4096, 4096, 1), 8.1e12)
    clock = steady_clock(board, work)
    assert 0.3 < clock[0] < 0.9
    assert power_w(board, work, clock)[0] == pytest.approx(70, rel=1e-3)
    assert power_w(board, work, clock * 1.02)[0] > 70


def test_energy_and_limit_move_the_clock_the_right_way() -> None:
    board = part_of(T4, 0.765)
    work = product_work(board, products(1, 4096, 4096, 4096, 1), 8.1e12)
    usual = steady_clock(board, work)[0]
    assert steady_clock(board, work, 0.6)[0] > usual > steady_clock(board, work, 1.5)[0]
    assert steady_clock(replace(board, power_limit_w=300.0), work)[0] == 1
    assert steady_clock(replace(board, power_limit_w=None), work)[0] == 1


def test_boards_of_70_w_throttle_and_those_of_250_w_do_not() -> None:
    product = Matmul(4096, 4096, 4096, "fp32", transposed=True)
    clocks = {p.id: TimeModel(p).cost(product).clock for p in (T4, load_profile("nvidia-l4"), V100, A100)}
    assert clocks["nvidia-t4"] < 0.7
    assert clocks["nvidia-l4"] < 0.7
    assert clocks["nvidia-v100-pcie-32gb"] > 0.95
    assert clocks["nvidia-a100-pcie-40gb"] > 0.95


def test_a_stream_out_of_stacked_memory_leaves_power_for_the_units() -> None:
    """An H20 has 400 W and 4 TB/s: its memory alone does not hold its clock down, nor an A100's."""
    for name in ("nvidia-h20", "nvidia-a100-pcie-40gb"):
        narrow = TimeModel(load_profile(name)).cost(Matmul(1, 8192, 8192, "bf16", transposed=True))
        assert narrow.clock == pytest.approx(TimeModel(load_profile(name)).units("bf16").clock)
        assert narrow.seconds == pytest.approx(narrow.memory_seconds, rel=0.12)
    assert part_of(T4, 0.87).dram_j_per_byte == pytest.approx(time_table().fitted.dram_pj_per_byte * 1e-12)
    assert part_of(A100, 0.87).dram_j_per_byte < 0.5 * part_of(T4, 0.87).dram_j_per_byte


def test_the_part_with_the_faster_memory_decodes_faster() -> None:
    """An H20 is ahead of an H100 in products of one row, and far behind in those of many."""
    one, many = (Matmul(m, 8192, 8192, "bf16", transposed=True) for m in (1, 4096))
    h20, h100 = (TimeModel(load_profile(name)) for name in ("nvidia-h20", "nvidia-h100-sxm"))
    assert h20.cost(one).seconds < 0.9 * h100.cost(one).seconds
    assert h20.cost(many).seconds > 4 * h100.cost(many).seconds


def test_a_cold_start_is_at_the_rated_clock_and_settles() -> None:
    model = TimeModel(T4)
    cost = model.cost(Matmul(4096, 4096, 4096, "fp32", transposed=True))
    assert model.clock_mhz(cost, 0.0) == pytest.approx(1590)
    assert model.clock_mhz(cost) == pytest.approx(1590 * cost.clock)
    at_first, later = (model.seconds_after(cost, load) for load in (0.0, 100.0))
    assert at_first < later == pytest.approx(cost.seconds, rel=1e-3)
    assert clock_after(0.5, 1e9, 0.01) == pytest.approx(0.5)


def test_data_whose_bits_rest_run_at_a_higher_clock() -> None:
    model = TimeModel(load_profile("amd-mi300x"))
    usual, easy = (model.cost(Matmul(8192, 8192, 8192, "bf16", data=data)) for data in ("normal", "low_toggle"))
    assert easy.clock > 1.1 * usual.clock
    assert easy.seconds < usual.seconds


@pytest.mark.parametrize("operator", [Softmax(65536, 4096, "fp32"), LayerNorm(65536, 4096, "fp32")])
def test_rows_take_at_least_their_bytes(operator: Softmax | LayerNorm) -> None:
    assert TimeModel(A100).cost(operator).seconds > operator.bytes / 1555e9


def test_every_tile_and_constant_has_its_place() -> None:
    table = time_table()
    assert {a.name for a in table.architectures if a.beyond_reach} == {"Pascal", "Volta", "Turing", "Ampere"}
    assert table.energy_scale("TSMC 4NP") < table.energy_scale("TSMC 4N") < table.energy_scale("TSMC N7")
    assert table.energy_scale(None) == table.energy_scale("TSMC N7")
