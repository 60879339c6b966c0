"""The Triton kernel of the peak: its numbers under Triton's interpreter, and the code it compiles to.

No GPU is needed; Triton is, and where it is not installed only the reasons it gives are tested.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from greenzone.errors import DeviceError
from greenzone.lab.devices import peak_triton
from greenzone.lab.devices.peak_triton import Target, TritonPeak, types_of
from greenzone.lab.peak import Peak, most_repeats

needs_triton = pytest.mark.skipif(peak_triton.triton is None, reason="Triton is not installed")
AMPERE, HOPPER, BLACKWELL = Target("cuda", "80"), Target("cuda", "90"), Target("cuda", "100")
MI300X, MI355X = Target("hip", "gfx942"), Target("hip", "gfx950")

INTERPRETED = """
import sys, torch
from greenzone.lab.devices.peak_triton import TritonPeak
from greenzone.lab.peak import Peak
form, variant = sys.argv[1], sys.argv[2] or None
one = TritonPeak(Peak(form, 20, 16, 16, 64, 5, 1, variant), torch.device("cpu"), 3)
right = one.check()
assert right.passed and right.error == 0, right
one.operator = Peak(form, 20, 16, 16, 64, 4, 1, variant)
one.launch()
from greenzone.lab.devices.peak_tiles import check_peak
wrong = check_peak(Peak(form, 20, 16, 16, 64, 5, 1, variant), 3, one._out)
assert not wrong.passed and abs(wrong.error - 0.2) < 1e-6, wrong
assert not check_peak(Peak(form, 20, 16, 16, 64, 4, 1, variant), 4, one._out).passed
"""


def tile(form: str, variant: str | None = None, sides: tuple[int, int, int] = (128, 128, 64)) -> Peak:
    return Peak(form, 8, *sides, min(512, most_repeats(form, sides[2])), 4, variant)


@needs_triton
@pytest.mark.parametrize(
    ("form", "variant"),
    [
        # no bf16: the interpreter of Triton 3.9 multiplies its bits as if they were integers
        ("fp64", ""), ("fp32", ""), ("tf32", ""), ("fp16", ""), ("fp16_acc16", ""),
        ("fp8", "e4m3"), ("fp8", "e5m2"), ("int8", ""), ("fp4", ""),
    ],
)  # fmt: skip
def test_interpreted_the_sums_are_exact_and_a_repeat_too_few_is_seen(form: str, variant: str, tmp_path: Path) -> None:
    there = {"TRITON_INTERPRET": "1", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", INTERPRETED, form, variant]
    done = subprocess.run(command, env={**os.environ, **there}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-800:]


def assembly(peak: Peak, target: Target) -> str:
    """What Triton compiles the kernel to, for a part that is not there."""
    from triton import compile as compiled
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = types_of(peak, target)
    names = {
        torch.float64: "fp64", torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16",
        torch.float8_e4m3fn: "fp8e4nv", torch.float8_e5m2: "fp8e5", torch.float8_e4m3fnuz: "fp8e4b8",
        torch.float8_e5m2fnuz: "fp8e5b16", torch.int8: "i8", torch.int32: "i32", torch.uint8: "u8",
    }  # fmt: skip
    fixed = peak_triton.constants(peak, types)
    pointers = {"first": f"*{names[types.storage]}", "second": f"*{names[types.storage]}"}
    signature = {**pointers, "out": f"*{names[types.result]}", "repeats": "i32", **dict.fromkeys(fixed, "constexpr")}
    aligned: Any = {(place,): [["tt.divisibility", 16]] for place in range(3)}
    source = ASTSource(peak_triton.kernel, signature, constexprs=fixed, attrs=aligned)
    arch = int(target.arch) if target.backend == "cuda" else target.arch
    options = {"num_warps": peak.warps, "enable_fp_fusion": True}
    made = compiled(source, GPUTarget(target.backend, arch, 32 if target.backend == "cuda" else 64), options)
    return str(made.asm["ptx" if target.backend == "cuda" else "amdgcn"])


def loops(code: str) -> list[list[str]]:
    """The bodies of all loops: from a label to the last branch back to it."""
    lines = [line.strip() for line in code.splitlines()]
    labels = {line.split(":")[0]: place for place, line in enumerate(lines) if re.match(r"[$.\w]+:", line)}
    found = []
    for place, line in enumerate(lines):
        branch = re.search(r"\b(?:bra|bra\.uni|s_cbranch_\w+|s_branch)\s+([$.\w]+)", line)
        if branch and labels.get(branch.group(1), place) < place:
            found.append(lines[labels[branch.group(1)] : place])
    return found


GLOBAL_MEMORY = r"(ld|st|red|atom)\.global|cp\.async|global_(load|store)|buffer_(load|store)|flat_"
CASES = [
    (AMPERE, tile("fp64_tensor", sides=(64, 64, 16)), r"mma\.sync\S+\.f64", 4),
    (AMPERE, tile("fp32", sides=(64, 64, 16)), r"fma\.rn\.f32", 128),
    (AMPERE, tile("tf32", sides=(128, 128, 32)), r"mma\.sync\S+\.tf32", 4),
    (AMPERE, tile("fp16"), r"mma\.sync\S+\.f32\.f16", 4),
    (AMPERE, tile("fp16_acc16"), r"mma\.sync\S+\.f16\.f16\.f16\.f16", 4),
    (AMPERE, tile("bf16"), r"mma\.sync\S+\.bf16", 4),
    (AMPERE, tile("int8"), r"mma\.sync\S+\.s8", 4),
    (HOPPER, tile("fp64_tensor", sides=(64, 64, 16)), r"mma\.sync\S+\.f64", 4),
    (HOPPER, tile("tf32", sides=(128, 128, 32)), r"wgmma\.mma_async\S+\.tf32", 1),
    (HOPPER, tile("fp16"), r"wgmma\.mma_async\S+\.f16", 1),
    (HOPPER, tile("bf16"), r"wgmma\.mma_async\S+\.bf16", 1),
    (HOPPER, tile("fp8", "e4m3"), r"wgmma\.mma_async\S+\.e4m3", 1),
    (HOPPER, tile("fp8", "e5m2"), r"wgmma\.mma_async\S+\.e5m2", 1),
    (HOPPER, tile("int8"), r"wgmma\.mma_async\S+\.s8", 1),
    (BLACKWELL, tile("tf32"), r"tcgen05\.mma\S+kind::tf32", None),
    (BLACKWELL, tile("bf16"), r"tcgen05\.mma\S+kind::f16", None),
    (BLACKWELL, tile("fp8", "e4m3"), r"tcgen05\.mma\S+kind::f8f6f4", None),
    (BLACKWELL, tile("int8"), r"tcgen05\.mma\S+kind::i8", None),
    (BLACKWELL, tile("fp4", sides=(128, 128, 128)), r"tcgen05\.mma\S+kind::mxf4\.", None),
    (MI300X, tile("fp64", sides=(64, 64, 16)), r"v_mfma_f64\S+_f64", 4),
    (MI300X, tile("fp32", sides=(64, 64, 32)), r"v_mfma_f32\S+_f32", 4),
    (MI300X, tile("tf32", sides=(64, 64, 32)), r"v_mfma_f32\S+_xf32", 4),
    (MI300X, tile("fp16"), r"v_mfma_f32\S+_f16", 4),
    (MI300X, tile("bf16"), r"v_mfma_f32\S+_bf16", 4),
    (MI300X, tile("fp8", "e4m3"), r"v_mfma_f32\S+_fp8_fp8", 4),
    (MI300X, tile("fp8", "e5m2"), r"v_mfma_f32\S+_bf8_bf8", 4),
    (MI300X, tile("int8"), r"v_mfma_i32\S+_i8", 4),
    (MI355X, tile("fp8", "e4m3", (128, 128, 128)), r"v_mfma_\S+f8f6f4", 4),
    (MI355X, tile("fp4", sides=(128, 128, 128)), r"v_mfma_scale_f32\S+_f8f6f4", 4),
]


@needs_triton
@pytest.mark.parametrize(("target", "peak", "instruction", "shares"), CASES, ids=lambda v: getattr(v, "format", None))
def test_the_loop_holds_every_product_and_no_global_memory(
    target: Target, peak: Peak, instruction: str, shares: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    bodies = [body for body in loops(assembly(peak, target)) if re.search(instruction, "\n".join(body))]
    assert bodies, "no loop holds the instruction"
    for body in bodies:
        assert not re.search(GLOBAL_MEMORY, "\n".join(body))
        if shares:
            done = shares * sum(multiplied(line) for line in body if re.search(instruction, line))
            assert done % (peak.m * peak.n * peak.k) == 0, "a product is missing from the loop"
            assert done > 0


def multiplied(line: str) -> int:
    """Products of one instruction: of a warp, of four for wgmma, of a thread for fma."""
    if line.startswith("fma"):
        return 1
    found = re.search(r"m(\d+)n(\d+)k(\d+)|_(\d+)x(\d+)x(\d+)", line)
    assert found, line
    first, second, third = (int(size) for size in found.groups() if size)
    return first * second * third


@needs_triton
def test_without_a_gpu_the_kernel_is_a_device_error_of_one_line() -> None:
    with pytest.raises(DeviceError, match="peak in bf16, tile 16x16x16 with 1 warps: ") as caught:
        TritonPeak(Peak("bf16", 1, 16, 16, 16, 1, 1), torch.device("cpu"), 0)
    assert "\n" not in str(caught.value)


def test_without_triton_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_triton, "triton", None)
    with pytest.raises(DeviceError, match="needs Triton, which comes with the CUDA and ROCm builds of torch"):
        TritonPeak(tile("bf16"), torch.device("cpu"), 0)


@pytest.mark.parametrize(
    ("target", "form", "message"),
    [
        (AMPERE, "fp8", "from compute capability 8.9 on; this part has 8.0"),
        (Target("cuda", "75"), "fp16", "from compute capability 8.0 on; this part has 7.5"),
        (HOPPER, "fp4", "from compute capability 10.0 on; this part has 9.0"),
        (HOPPER, "int4", "Triton has no dense product in int4; it has fp64"),
        (MI300X, "fp4", "matrix units of gfx942 have no fp4"),
        (MI355X, "tf32", "matrix units of gfx950 have no tf32"),
        (Target("hip", "gfx90a"), "fp8", "matrix units of gfx90a have no fp8"),
        (MI300X, "fp16_acc16", "have no fp16_acc16; Triton would widen it"),
    ],
)
def test_a_format_that_would_be_converted_is_refused(target: Target, form: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        types_of(tile(form), target)


def test_mi300_has_8_bit_floats_of_its_own() -> None:
    assert types_of(tile("fp8", "e4m3"), MI300X).storage is torch.float8_e4m3fnuz
    assert types_of(tile("fp8", "e5m2"), MI355X).storage is torch.float8_e5m2


def test_e2m1_codes_come_two_in_a_byte_the_first_in_the_low_half() -> None:
    values = torch.tensor([[0, 1, 2, 3, -1, -2, -3, 0]], dtype=torch.int8)
    assert peak_triton._packed(values).tolist() == [[0x20, 0x54, 0xCA, 0x0D]]
