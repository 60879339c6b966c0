"""Values that nobody means to write: for arguments, and in the place of values in files.

Nothing here is an argument that a shell could not pass: no NUL; bytes that are no UTF-8 arrive as surrogates do.
"""

from pathlib import Path

import click

from greenzone.datafiles import data_root

TEXTS = (
    "", " ", "-", "--", "\t", "x", "é", "٣", "\u202egnp", "\ufeff", "\u2028", "\x1b[31mred\x1b[0m", "\x1b]8;;x\x07",
    "\x07", "\r\n", "a\nb", "\udcff", "\U0001f4a5", "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "|", "`", "'", '"',
    "\\", "%s%n", "${HOME}", "{{7*7}}", "{0.__class__}", "<script>alert(1)</script>", "&amp;", "[bold]x[/bold]",
    "[/]", "[link=x]", "::error::x", "](x)", "*", "?", "../../canary.json", "canary.json", "None", "null", "true",
    "unknown", "auto", "cpu:9", "a" * 300, "a" * 10_000, "[" * 2_000, "١٢٣", "ⅷ", "0x10", "1_000", "1,5", "1e", "e5",
    ".", "..", "..5", "5..", "5..4", "< 0", ">= 1, < 1", ">= nan", "== 1e999", ">=" * 100, ">= 1" + ", < 9" * 500,
)  # fmt: skip
NUMBERS = (
    "0", "-0", "-1", "1", "2", "1.5", "1e-400", "1e-18", "1e18", "1e19", "1e308", "1e999", "-1e999", "nan", "-nan",
    "inf", "infinity", "-inf", "9" * 19, "9" * 400, "9" * 5_000, "0" * 5_000 + "1", "4294967296",
    "9223372036854775808", "1e1000000000", "0.1e-1000000000", "001", "+5", " 5 ", "5\n", "５",
)  # fmt: skip
DATES = (
    "0001-01-01", "9999-12-31", "10000-01-01", "0000-00-00", "2024-02-30", "2023-02-29", "1970-01-01", "2038-01-20",
    "2023-11-17", "2023-11-17T00:00:00Z", "20231117", "-001-01-01", "２０２３-11-17", "today", "2026-11-21",
)  # fmt: skip
# What the sandbox has of each of these: see `sandbox.furnish`.
PATHS = (
    "missing.json", "missing.toml", ".", "..", "", "folder", "folder/", "folder/none/x.json", "empty", "fifo",
    "fifo.json", "loop", "loop.toml", "out-of-here.json", "/dev/full", "/dev/null", "/dev/zero", "/dev/stdin",
    "/dev/fd/0", "-", "~", "https://example.com/r.json", "file:///r.json", "a" * 300 + ".json", "a/" * 3_000,
    "\udcff.json", "\x1b[31m.toml", "line\nbreak.svg", "=1+1.csv", "x.svg", "x.png", "x.pdf", "x.exe", "x", ".svg",
    "x.SVG", "folder/x.svg", "random.bin", "utf16.toml", "nul.json",
)  # fmt: skip
# Sound files of every kind, each of which is the wrong one for most that asks for a file.
SOUND = (
    "record.json", "record.dsse.json", "roll.json", "fleet.jsonl", "policy.toml", "represented.toml", "part.toml",
    "times.csv", "shipments.csv", "racks.csv", "token.jwt", "key.pem", "key.pem.pub",
)  # fmt: skip
SHIPPED = tuple(
    str(data_root() / name) for name in (
        "examples/represented.toml", "examples/shipments.csv", "models/gpt2.toml", "countries/A1.toml",
        "devices/nvidia/nvidia-h20.toml", "regimes/us/us-3a090.toml", "emulation/times.toml",
    )
)  # fmt: skip
# One well-formed value of every small grammar of the arguments; mutated, they come near to what is allowed.
GRAMMAR = (
    "nvidia-h20", "NVIDIA H20", "us-3a090", "llama-3.1-8b", "CN", "@D5", "fp8", "tpp=5000", "tpp=4625..",
    "datacenter=unknown", "performance_density=>= 1.6, < 5.92", "peak_tops.fp8=296", "item=hbm_stack",
    "2x814@TSMC 4NP", "HBM3,96,4000", "NVLink 4=900", "fp16=4096", "emulated:nvidia-h20", "emulated:8xnvidia-h20:3",
    f"emulated:{SHIPPED[0]}", "cuda:99", "throttle@2.5", "wrong-result", "lpp", "dram_bandwidth_gb_s", "tpp", "NVIDIA",
    "io_limit=fused",
)  # fmt: skip
# What a run would take minutes for, or what would measure this machine, is no bad input.
LEFT_OUT = {"lab", "standard", "auto", "cpu", "cuda:0", "hang"}


def values(kind: click.ParamType) -> tuple[str, ...]:
    """Hostile values of an option, those of its type first."""
    if isinstance(kind, click.Choice):
        return (*(c for c in kind.choices if c not in LEFT_OUT), *(t for t in TEXTS if t not in LEFT_OUT))
    if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        return (*NUMBERS, *TEXTS[:20])
    if kind.name == "date":
        return (*DATES, *TEXTS[:20])
    if isinstance(kind, click.Path):
        return (*PATHS, *SOUND, *SHIPPED)
    return (*GRAMMAR, *TEXTS, *NUMBERS, *SOUND, *SHIPPED, *(p for p in PATHS if not Path(p).is_absolute()))
