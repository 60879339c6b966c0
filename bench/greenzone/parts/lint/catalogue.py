"""A profile among the others: copied rows, the same part at half or twice its figures, names that match two."""

from collections.abc import Iterator

from greenzone.parts.lint.rule import Context, dense_rates, near, needing
from greenzone.parts.profile import DeviceProfile


@needing("others")
def copied(profile: DeviceProfile, context: Context) -> Iterator[str]:
    """Every rate and the memory are those of a part with other units: tables fill a gap with the row beside it."""
    for other in context.others:
        if _is_other(profile, other) and _units(profile) != _units(other) and _same_figures(profile, other, 1.0):
            yield f"rates and memory are those of {other.id}, which has {_units(other)} units, not {_units(profile)}"


@needing("others")
def halved(profile: DeviceProfile, context: Context) -> Iterator[str]:
    """Rates and memory are half, or twice, those of the same part elsewhere: a row of one die of a package, or of
    a board of two. A profile is of one integrated circuit, whole.
    """
    for other in context.others:
        if profile is other or not _same_name(profile, other):
            continue
        for ratio, words in ((0.5, "half"), (2.0, "twice")):
            if _same_figures(profile, other, ratio):
                yield f"rates and memory are {words} those of {other.id}"


@needing("others")
def names(profile: DeviceProfile, context: Context) -> Iterator[str]:
    """A live device is recognised by the name its driver reports: one that two profiles claim recognises neither."""
    for other in context.others:
        if _is_other(profile, other) and (shared := _matched(profile) & _matched(other)):
            yield f"{', '.join(sorted(shared))} is claimed by {other.id} too"


def _matched(p: DeviceProfile) -> set[str]:
    return {n.casefold() for n in p.match.names} if p.match else set()


def _is_other(profile: DeviceProfile, other: DeviceProfile) -> bool:
    return profile is not other and profile.id != other.id


def _same_name(profile: DeviceProfile, other: DeviceProfile) -> bool:
    return profile.name.casefold() == other.name.casefold() or bool(_matched(profile) & _matched(other))


def _units(p: DeviceProfile) -> int | None:
    return p.hardware.units if p.hardware else None


def _same_figures(profile: DeviceProfile, other: DeviceProfile, ratio: float) -> bool:
    """Whether all rates both have, three at least, and capacity and bandwidth stand in one ratio."""
    own, its = dense_rates(profile), dense_rates(other)
    both = [n for n in own if n in its]
    if len(both) < 3 or not profile.memory or not other.memory:
        return False
    pairs = [(own[n], its[n]) for n in both]
    a, b = profile.memory, other.memory
    memory = [(a.capacity_gb, b.capacity_gb), (a.bandwidth_gb_s, b.bandwidth_gb_s)]
    # Sheets of one die and of two round differently, so the memory is compared loosely.
    loose = 0.08 if ratio != 1.0 else 0.005
    return all(near(x, ratio * y, 0.04 if ratio != 1.0 else 0.005) for x, y in pairs) and all(
        x is not None and y is not None and near(x, ratio * y, loose) for x, y in memory
    )


RULES = (copied, halved, names)
