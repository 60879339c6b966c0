"""A row worked out again from its samples: the same figures, and none that they do not give."""

from pathlib import Path
from typing import Any

import pytest

from greenzone.errors import GreenzoneError
from greenzone.lab.harness import Request, run
from greenzone.lab.recomputing import recomputed
from greenzone.lab.repeats import around_median, combined, metric
from greenzone.records.record import Record, Row
from greenzone.records.store import read
from greenzone.statistics import median


@pytest.fixture(scope="module")
def record(emulated_record: Path) -> Record:
    """An emulated run."""
    return read(emulated_record)


def of(record: Record, name: str) -> Row:
    return next(row for row in record.benchmarks if row.name == name and row.measured)


def test_every_row_of_a_run_comes_out_as_it_was(record: Record) -> None:
    measured = [row for row in record.benchmarks if row.measured]
    assert {row.name.split(".")[0] for row in measured} == {"matmul", "peak", "memory", "interconnect", "inference"}
    assert [recomputed(row) for row in measured] == measured


def test_rounds_and_processes_come_out_as_they_were(record: Record) -> None:
    """Three runs of different speed, the samples in rounds: the row of all three is worked out from itself."""
    for name in ("matmul", "memory.triad", "inference.prefill"):
        row = of(record, name)
        runs = []
        for n in range(3):
            slower = [sample * (1 + 0.01 * n) for sample in row.samples]
            third = len(slower) // 3
            rounds = [third, third, len(slower) - 2 * third]
            runs.append([recomputed(row.model_copy(update={"samples": slower, "rounds": rounds}))])
        (one,) = combined(runs)
        assert [process["process"] for process in one.repeats] == [1, 2, 3]
        assert one.uncertainty is not None
        assert one.uncertainty["between_runs"] > 0.001
        back = recomputed(Row.model_validate(one.model_dump(mode="json")))
        assert getattr(back, metric(one)).low == pytest.approx(getattr(one, metric(one)).low, rel=1e-12)
        assert back.uncertainty == pytest.approx(one.uncertainty, rel=1e-12)


def step_of(record: Record, phase: str, whole: bool = False) -> Row:
    rows = [row for row in record.benchmarks if row.name == f"inference.{phase}" and row.measured]
    return next(row for row in rows if (row.worked_out is False) is whole)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A model that is run whole besides, its samples in three rounds."""
    folder = tmp_path_factory.mktemp("small")
    request = Request(
        "emulated:nvidia-h20", "standard", ("inference",), ("bf16",), ("gpt2",), batches=(1,), contexts=(64,),
        folder=folder,
    )  # fmt: skip
    return run(request).record


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_a_step_of_three_rounds_comes_out_as_it_was(small: Record, phase: str, whole: bool) -> None:
    row = step_of(small, phase, whole)
    assert len(row.rounds) == 3
    assert row.mfu is not None
    assert recomputed(row) == row


def test_a_step_is_all_its_layers_and_the_rest(small: Record) -> None:
    row = step_of(small, "decode")
    assert row.layers is not None
    assert row.rest_seconds is not None
    assert row.tokens_per_s is not None
    whole = row.layers * median(row.samples) + row.rest_seconds
    assert row.tokens_per_s.median == pytest.approx(1 / whole)
    first = median(row.samples[: row.rounds[0]])
    assert row.tpot_s == pytest.approx(row.layers * first + row.rest_seconds)


@pytest.mark.parametrize(
    ("figure", "wrong"),
    [("tpot_s", 1.0), ("ttft_s", 1.0), ("mfu", 0.99), ("mbu", 0.99), ("bound_by", "links"), ("rest_seconds", 1.0),
     ("layer_seconds", 1.0)],
)  # fmt: skip
def test_what_is_told_of_a_step_is_worked_out_and_not_taken(small: Record, figure: str, wrong: Any) -> None:
    row = step_of(small, "decode")
    assert recomputed(row.model_copy(update={figure: wrong})) == row


def test_the_rate_of_each_operator_alone_is_worked_out(small: Record) -> None:
    row = step_of(small, "decode")
    point, *others = row.roofline
    assert point["tops"] == pytest.approx(point["operations"] / point["seconds"] / 1e12)
    wrong = row.model_copy(update={"roofline": [{**point, "tops": 2 * point["tops"]}, *others]})
    assert recomputed(wrong) == row


def test_utilisation_without_what_it_is_of_is_none(small: Record) -> None:
    told = step_of(small, "decode").model_dump(mode="json")
    back = recomputed(Row.model_validate({key: value for key, value in told.items() if key != "against"}))
    assert (back.mfu, back.mbu, back.tpot_s, back.bound_by) == (None, None, None, None)


def test_a_row_of_before_with_the_head_alone_beside_its_layers_still_comes_out(small: Record) -> None:
    row = step_of(small, "decode")
    new = ("rest", "rest_seconds", "against", "ttft_s", "tpot_s", "mfu", "mbu", "bound_by", "roofline")
    told = {key: value for key, value in row.model_dump(mode="json").items() if key not in new}
    old = Row.model_validate({**told, "head_seconds": row.rest_seconds})
    assert recomputed(old) == old


def test_a_process_whose_samples_were_changed_changes_the_uncertainty(record: Record) -> None:
    row = of(record, "matmul")
    (one,) = combined([[row], [row], [row]])
    repeats: list[dict[str, Any]] = [dict(process) for process in one.repeats]
    repeats[2]["samples"] = [2 * sample for sample in repeats[2]["samples"]]
    back = recomputed(one.model_copy(update={"repeats": repeats}))
    assert back.repeats[2]["median"] == pytest.approx(one.repeats[2]["median"] / 2)
    assert back.uncertainty is not None
    assert back.uncertainty["between_runs"] > 0.1


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 102, 1000, 1001])
def test_thinning_keeps_the_median(count: int) -> None:
    samples = [(7919 * n) % 1009 + 0.5 for n in range(count)]
    kept = around_median(samples)
    assert len(kept) <= 101
    assert median(kept) == median(samples)
    assert [s for s in samples if s in kept] == kept, "in the order they were taken"


def test_operations_and_bytes_are_those_of_the_shape(record: Record) -> None:
    for name in ("matmul", "peak", "memory.copy", "memory.sweep", "interconnect.host_to_device"):
        row = of(record, name)
        wrong = row.model_copy(update={"operations": 10 * (row.operations or 1), "bytes": 10 * (row.bytes or 1)})
        assert (recomputed(wrong).operations, recomputed(wrong).bytes) == (row.operations, row.bytes)


def test_a_figure_without_samples_is_none(record: Record) -> None:
    row = of(record, "matmul").model_copy(update={"samples": []})
    assert recomputed(row).rate_tops is None
    missing = of(record, "matmul").model_copy(update={"measured": False})
    assert recomputed(missing).rate_tops is None


def test_what_is_impossible_or_failed_its_check_is_invalid(record: Record) -> None:
    row = of(record, "matmul")
    assert row.ceiling is not None
    fast = row.model_copy(update={"samples": [sample / 5 for sample in row.samples]})
    assert recomputed(fast).validity == "invalid"
    assert row.check is not None
    failed = row.model_copy(update={"check": row.check.model_copy(update={"error": 2.0})})
    assert recomputed(failed).validity == "invalid"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"samples": [0.0, 1.0]}, "no time of a call"),
        ({"samples": [-1.0, 1.0]}, "no time of a call"),
        ({"samples": [1e300]}, "no time of a call"),
        ({"samples": [0.1] * 20_001}, "at most 20000"),
        ({"rounds": [1, 1]}, "rounds do not add up"),
        ({"rounds": [-1, 10**30]}, "rounds do not add up"),
        ({"shape": {"m": 0, "n": 1, "k": 1}}, "at least 1"),
        ({"shape": {}}, "m"),
        ({"shape": {"m": 10**200, "n": 10**200, "k": 1}}, "too large"),
        ({"name": "weather"}, "no benchmark is called 'weather'"),
        ({"repeats": [{"median": "x"}]}, "a number above 0"),
        ({"repeats": [{}]}, "median"),
        ({"repeats": [{"samples": 5, "median": 1.0}]}, "repeats.samples is no list"),
        ({"repeats": [{"samples": [0.1, "x"], "operations": 1.0}]}, "a number above 0"),
        ({"repeats": [{"median": 1e-3}]}, "none of the processes"),
    ],
)  # fmt: skip
def test_what_cannot_be_worked_out_says_why(record: Record, changes: dict[str, Any], words: str) -> None:
    row = of(record, "matmul").model_copy(update=changes)
    with pytest.raises((GreenzoneError, ArithmeticError, LookupError), match=words):
        recomputed(row)
