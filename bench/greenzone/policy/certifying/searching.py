"""How hard was searched for more: what of the method's search a set of rows has, and what was not searched.

The search of `profiles/methods/us-748-dd.md`: every format by library and from registers, on ordinary data and on
data that hardly toggles, in the first milliseconds of a cold start and under load; every stream; every link both
ways at once. A gap makes a figure a weaker lower bound; it is named, and argues for nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from greenzone.lab.evaluation import MEMORY_STREAMS
from greenzone.lab.link_evidence import ROUTES
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.figures import leaves_package
from greenzone.policy.certifying.represented import QUANTITIES
from greenzone.records.record import Row

WINDOWS = ("burst", "sustained")
# What no suite does: said of every unit.
NEVER = {
    "tpp": ("several formats at once",),
    "dram_bandwidth_gb_s": ("data that hardly toggles, but in the stream that writes a constant",),
    "interconnect_bandwidth_gb_s": ("a peer in another node",),
    "copackaged_dram_gb": ("writing and reading back every byte", "DRAM that is in the package and switched off"),
}


@dataclass(frozen=True)
class Search:
    """Of one quantity: what was tried and gave a figure, and what was not, each in words."""

    searched: tuple[str, ...]
    not_searched: tuple[str, ...]


def searches(rows: Sequence[Row], profile: DeviceProfile | None) -> dict[str, Search]:
    """What was searched of each quantity.

    Args:
        rows: of every record of a unit that follows the method.
        profile: of the part represented; its formats are those that are to be tried.
    """
    asked: dict[str, Callable[[], Iterable[tuple[str, str | None]]]] = {
        "tpp": lambda: _rates(rows, profile),
        "dram_bandwidth_gb_s": lambda: _named(rows, MEMORY_STREAMS),
        "interconnect_bandwidth_gb_s": lambda: _links(rows, profile),
        "copackaged_dram_gb": lambda: [("the capacity the driver counts", None)],
    }
    return {quantity: _search(quantity, asked[quantity]()) for quantity in QUANTITIES}


def _search(quantity: str, tried: Iterable[tuple[str, str | None]]) -> Search:
    found = list(tried)
    done = [what for what, why in found if why is None]
    missing = [f"{what}: {why}" for what, why in found if why is not None]
    return Search(tuple(done), (*missing, *NEVER[quantity]))


def _rates(rows: Sequence[Row], profile: DeviceProfile | None) -> Iterator[tuple[str, str | None]]:
    """Each format three ways; a way counts where both windows gave a figure that holds."""
    claimed = list(profile.peak_tops.rates()) if profile and profile.peak_tops else []
    known = list(profile.hardware.ops_per_clock) if profile and profile.hardware else []
    seen = [r.format for r in rows if r.name in ("matmul", "peak") and r.format]
    for form in dict.fromkeys((*claimed, *known, *seen)):
        own = [r for r in rows if r.format == form]
        library = [r for r in own if r.name == "matmul" and r.data != "low_toggle"]
        quiet = [r for r in own if r.name == "matmul" and r.data == "low_toggle"]
        yield f"{form} by library", _why(library, rows, "matmul")
        yield f"{form} on low-toggle data", _why(quiet, rows, "matmul")
        yield f"{form} from registers", _why([r for r in own if r.name == "peak"], rows, "peak")


def _links(rows: Sequence[Row], profile: DeviceProfile | None) -> Iterator[tuple[str, str | None]]:
    """Each route; one that stays in the package moves bytes that are no interconnect."""
    for name in ROUTES:
        if leaves_package(name, profile):
            yield from _named(rows, [name])
        else:
            yield _words(name), "it may stay inside the package, and is not counted"


def _named(rows: Sequence[Row], names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each row by its name and variant: of two ways to ask, one that failed is no less a gap for the other."""
    for name in names:
        own = [r for r in rows if r.name == name]
        for variant in dict.fromkeys(r.variant for r in own) or (None,):
            yield _words(name, variant), _why([r for r in own if r.variant == variant], rows, name)


def _words(name: str, variant: str | None = None) -> str:
    return " ".join(filter(None, (name.replace("_", " ").replace(".", " "), variant)))


def _why(own: Sequence[Row], rows: Sequence[Row], name: str) -> str | None:
    """None where a figure that holds was found in both windows; else why not."""
    if all(any(r.window == w and r.measured and r.validity == "valid" for r in own) for w in WINDOWS):
        return None
    if refused := next((r for r in own if r.validity in ("invalid", "unstable")), None):
        return f"{refused.validity}: {refused.notes[-1]}" if refused.notes else str(refused.validity)
    everywhere = [r for r in rows if r.name == name and r.format is None and not r.measured]
    reason = next((r.reason for r in (*own, *everywhere) if r.reason), None)
    return reason or "not run"


def refused(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of the four quantities whose figure was refused: a wrong result, or above what is possible."""
    names = ("matmul", "peak", *MEMORY_STREAMS, *ROUTES)
    return (r for r in rows if r.name in names and r.measured and r.validity == "invalid")
