"""Torch's streams beside plain loops in C, as ratios of bandwidth taken in one run.

The loops are STREAM's (J. D. McCalpin) and BabelStream's dot, compiled here with gcc -O3 -march=native
-fopenmp. Both sides work on the same arrays of at least eight times the last cache and in one pool of
threads: the library is linked to the OpenMP runtime that torch has loaded, for the idle threads of a
second one would spin beside the kernels of the first. In every round the kernels come in shuffled
order, each as C and as torch right after each other, whichever chance puts first; a ratio is the
median over rounds of C's time to torch's in the same round.

`dot_simd` is the same loop with `omp simd`, which lets gcc add in another order and so use vectors;
the plain one has to wait for each sum. Results are compared before anything is timed.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch

from greenzone.lab.devices import host

ROUNDS = 25
TIMES_CACHE = 8
SCALE = 0.4
LOOPS = r"""
#include <stddef.h>
#define EACH for (ptrdiff_t i = 0; i < n; i++)
typedef double *restrict out;
typedef const double *restrict in;

void copy(out c, in a, in b, double s, ptrdiff_t n) {
    #pragma omp parallel for
    EACH c[i] = a[i];
}
void scale(out c, in a, in b, double s, ptrdiff_t n) {
    #pragma omp parallel for
    EACH c[i] = s * a[i];
}
void add(out c, in a, in b, double s, ptrdiff_t n) {
    #pragma omp parallel for
    EACH c[i] = a[i] + b[i];
}
void triad(out c, in a, in b, double s, ptrdiff_t n) {
    #pragma omp parallel for
    EACH c[i] = a[i] + s * b[i];
}
void dot(out c, in a, in b, double s, ptrdiff_t n) {
    double sum = 0;
    #pragma omp parallel for reduction(+:sum)
    EACH sum += a[i] * b[i];
    c[0] = sum;
}
void dot_simd(out c, in a, in b, double s, ptrdiff_t n) {
    double sum = 0;
    #pragma omp parallel for simd reduction(+:sum)
    EACH sum += a[i] * b[i];
    c[0] = sum;
}
"""
KERNELS: dict[str, Callable[..., object]] = {
    "copy": lambda c, a, b: c.copy_(a),
    "scale": lambda c, a, b: torch.mul(a, SCALE, out=c),
    "add": lambda c, a, b: torch.add(a, b, out=c),
    "triad": lambda c, a, b: torch.add(a, b, alpha=SCALE, out=c),
    "dot": lambda c, a, b: torch.dot(a, b, out=c[0]),
    "dot_simd": lambda c, a, b: torch.dot(a, b, out=c[0]),
}
ARRAYS = {"copy": 2, "scale": 2, "add": 3, "triad": 3, "dot": 2, "dot_simd": 2}
ALL = torch.get_num_threads()


@pytest.fixture(scope="module")
def arrays() -> list[torch.Tensor]:
    """c, a and b: random, never zeros."""
    size = max(TIMES_CACHE * (host.last_level_cache_bytes() or 2**26), 2**27)
    if host.available_bytes() < 4 * size:
        pytest.skip("less memory is free than three arrays of eight times the last cache need")
    return [torch.empty(size // 8, dtype=torch.float64).normal_() for _ in range(3)]


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The C loops as a shared library, in torch's own pool of threads."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    runtimes = _openmp_runtimes()
    if not runtimes:
        pytest.skip("torch runs without libgomp here: two pools of threads would disturb each other")
    folder = tmp_path_factory.mktemp("stream")
    (folder / "stream.c").write_text(LOOPS)
    flags = ["-O3", "-march=native", "-fopenmp", "-fPIC"]
    subprocess.run(["gcc", *flags, "-c", "stream.c", "-o", "stream.o"], cwd=folder, check=True)
    subprocess.run(["gcc", "-shared", "stream.o", *runtimes, "-o", "stream.so"], cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "stream.so"))
    assert _openmp_runtimes() == runtimes, "a second OpenMP runtime was loaded"
    return library


def _openmp_runtimes() -> list[str]:
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return sorted({line.split()[-1] for line in lines if "libgomp" in line})


def test_the_loops_in_c_and_torch_agree(loops: ctypes.CDLL) -> None:
    """Both sides are the same arithmetic; this one runs without benchmarks too."""
    small = [torch.empty(10_007, dtype=torch.float64).normal_() for _ in range(3)]
    calls = sides(loops, small)
    for name in KERNELS:
        found = []
        for side in ("C", "torch"):
            small[0].fill_(float("nan"))
            calls[name, side]()
            found.append(small[0][: 1 if name.startswith("dot") else None].clone())
        torch.testing.assert_close(*found, msg=name)


@pytest.fixture(params=sorted({1, ALL}), ids=lambda n: f"{n} threads" if n > 1 else "1 thread")
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(ALL)


def sides(loops: ctypes.CDLL, arrays: list[torch.Tensor]) -> dict[tuple[str, str], Callable[[], object]]:
    """Every kernel as C runs it and as torch does, on the same arrays."""
    pointers = [ctypes.c_void_p(array.data_ptr()) for array in arrays]
    rest = (ctypes.c_double(SCALE), ctypes.c_ssize_t(arrays[0].numel()))
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    for name, call in KERNELS.items():
        function = getattr(loops, name)
        function.restype = None
        calls[name, "C"] = lambda function=function: function(*pointers, *rest)  # type: ignore[misc]
        calls[name, "torch"] = lambda call=call: call(*arrays)  # type: ignore[misc]
    return calls


def seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def test_streams(benchmark: Any, threads: int, loops: ctypes.CDLL, arrays: list[torch.Tensor]) -> None:
    calls = sides(loops, arrays)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    chance = np.random.default_rng(0)

    def one_round() -> None:
        for name in chance.permutation(list(KERNELS)):
            for side in chance.permutation(["C", "torch"]):
                times[name, side].append(seconds(calls[name, side]))

    benchmark.pedantic(one_round, rounds=ROUNDS, warmup_rounds=1)
    assert torch.get_num_threads() == threads
    size = arrays[0].nbytes
    for name in KERNELS:
        rounds = zip(times[name, "C"][1:], times[name, "torch"][1:], strict=True)
        benchmark.extra_info[f"{name}: torch over C"] = round(median(c / t for c, t in rounds), 3)
        best = ARRAYS[name] * size / median(times[name, "torch"][1:]) / 1e9
        benchmark.extra_info[f"{name}: GB/s"] = round(best, 2)
