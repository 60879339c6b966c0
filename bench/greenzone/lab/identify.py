"""Which known part a device behaves like, and whether that agrees with the name it gives itself.

The name is never a feature: profiles are ranked by what was measured and by what the driver cannot
easily rewrite. Parts whose difference is smaller than what was seen can tell are named together.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from greenzone.lab.fingerprint import Fingerprint, Misfit, distance, misfits
from greenzone.lab.measure.sampling import CEILING_MARGIN
from greenzone.lab.measure.series import LIMITER_FROM
from greenzone.parts.catalogue import named
from greenzone.parts.profile import DeviceProfile
from greenzone.statistics import median

ALIKE_WITHIN = 0.5  # sigma, in the root mean square: two parts this close cannot be told apart
FITS_WITHIN = 2.0
MISFIT_FROM = 3.0
SLOWER_THAN_SIBLINGS = 0.85  # beside devices of its name that were measured too
SLOWER_THAN_USUAL = 0.7  # beside what parts of the class usually reach, which differs more


@dataclass(frozen=True)
class Candidate:
    """A profile, how far it is from what was seen, and what does not fit.

    `share` is the part of the package that one device of it shows.
    """

    profile: DeviceProfile
    distance: float
    misfits: tuple[Misfit, ...]
    share: float = 1.0

    @property
    def likeness(self) -> str:
        """In words: fits, resembles, unlike."""
        return "fits" if self.distance <= FITS_WITHIN else "resembles" if self.distance <= 2 * FITS_WITHIN else "unlike"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        off = [asdict(m) for m in self.misfits if m.sigma >= MISFIT_FROM]
        ratios = [{**m, "ratio": m["ratio"] if math.isfinite(m["ratio"]) else None} for m in off]
        return {
            "id": self.profile.id, "name": self.profile.name, "distance": self.distance, "likeness": self.likeness,
            "share_of_package": self.share, "misfits": ratios,
        }  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """What a device calls itself, what it behaves like, and what a reader must know."""

    fingerprint: Fingerprint
    reported: tuple[DeviceProfile, ...]
    ranked: tuple[Candidate, ...]
    findings: tuple[tuple[str, str], ...] = ()

    @property
    def likeliest(self) -> tuple[Candidate, ...]:
        """The nearest part, and those that cannot be told from it; none where no part comes near."""
        near = self.ranked[0].distance if self.ranked else math.inf
        return tuple(c for c in self.ranked if c.distance <= min(near + ALIKE_WITHIN, FITS_WITHIN))


def identify(found: Fingerprint, profiles: Sequence[DeviceProfile]) -> Identity:
    """Rank profiles by their distance from a fingerprint, and hold the reported name against them."""
    ranked = sorted((c for p in profiles if (c := _candidate(found, p))), key=lambda c: (c.distance, c.profile.id))
    reported = tuple(named(found.name, profiles)) if found.name else ()
    identity = Identity(found, reported, tuple(ranked))
    return Identity(found, reported, identity.ranked, tuple(_findings(identity)))


def _candidate(found: Fingerprint, profile: DeviceProfile) -> Candidate | None:
    """A profile as a whole, or as one device of its package, whichever is nearer; None if nothing compares."""
    devices = profile.hardware.devices_per_package if profile.hardware else 1
    tried = []
    for share in sorted({1.0, 1 / devices}, reverse=True):
        off = misfits(found, profile, share)
        # Memory and clock alone are shared by many: without a rate, a bandwidth or the units nothing is told.
        if {m.feature for m in off} - {"memory", "clock"}:
            tried.append(Candidate(profile, distance(off, found), tuple(off), share))
    return min(tried, key=lambda c: c.distance, default=None)


def _findings(identity: Identity) -> list[tuple[str, str]]:
    found = [*_about_name(identity), *_about_cap(identity.fingerprint)]
    for own in (c for c in identity.ranked if c.profile in identity.reported):
        found += _about_ceiling(identity.fingerprint, own.profile, own.share)
    return found


def _about_name(identity: Identity) -> list[tuple[str, str]]:
    name, likeliest = identity.fingerprint.name, identity.likeliest
    if not identity.ranked:
        return [("nothing_to_compare", "no profile has a figure that this record has too")]
    ids = ", ".join(c.profile.id for c in likeliest) or "no part that is known"
    if not identity.reported:
        words = f"no profile claims the name {name!r}" if name else "it gives itself no name"
        return [("unknown_name", f"{words}; it behaves like {ids}")]
    if len(identity.reported) > 1:
        both = " and ".join(p.id for p in identity.reported)
        return [("ambiguous_name", f"the name {name!r} is that of {both}; it behaves like {ids}")]
    own = next((c for c in identity.ranked if c.profile is identity.reported[0]), None)
    if own is None:
        return []
    found = [(_code(m), f"names itself {own.profile.id}: {_words(m)}") for m in own.misfits if _tells(m)]
    if own not in likeliest and own.distance > FITS_WITHIN:
        found.insert(0, ("unlike_its_name", f"names itself {own.profile.id} and {_likeness(identity, own)}"))
    return found


def _likeness(identity: Identity, own: Candidate) -> str:
    """What a device is like that is not like the part it names, and how far it is from both."""
    nearest, distance = identity.ranked[0], f"{own.distance:.1f} sigma"
    if identity.likeliest:
        ids = ", ".join(c.profile.id for c in identity.likeliest)
        return f"behaves like {ids} ({nearest.distance:.1f} against {distance})"
    if nearest is own:
        return f"behaves like no part that is known, the named one least unlike ({distance})"
    other = f"the nearest is {nearest.profile.id}, {nearest.distance:.1f} sigma"
    return f"behaves like no part that is known ({distance} from its own; {other})"


def _tells(m: Misfit) -> bool:
    """Whether a misfit is worth a finding."""
    return m.sigma >= MISFIT_FROM or (m.feature == "rates" and m.ratio < SLOWER_THAN_USUAL)


def _code(m: Misfit) -> str:
    known = {"memory": "memory_differs", "units": "units_differ", "clock": "clock_differs"}
    return known.get(m.feature, "rate_differs")


def _words(m: Misfit) -> str:
    if m.feature == "memory" and 1.85 <= m.ratio <= 2.2:
        return f"memory twice that of the part ({m.text})"
    if m.feature == "rates" and m.ratio < SLOWER_THAN_USUAL:
        return f"slower than its siblings usually are ({m.text})"
    return m.text


def _about_cap(found: Fingerprint) -> list[tuple[str, str]]:
    capped = [n for n, rate in found.burst.items() if n in found.rates and rate > LIMITER_FROM * found.rates[n]]
    words = [f"{n} {found.burst[n]:.4g} then {found.rates[n]:.4g} TOPS" for n in capped]
    return [("limiter", f"a cap acts after a burst: {', '.join(words)}")] if words else []


def _about_ceiling(found: Fingerprint, profile: DeviceProfile, share: float) -> list[tuple[str, str]]:
    h = profile.hardware
    clock = found.clock_mhz or ((h.max_mhz or h.boost_mhz) if h else None)
    result = []
    for name, low in found.lower.items():
        operations = h.ops_per_clock.get(name) if h else None
        whole = h.rate_tops(operations, clock) if h and operations and clock else None
        most = whole * share if whole else None
        if most and low > CEILING_MARGIN * most:
            text = f"{name} at {low:.4g} TOPS is above the {most:.4g} that {profile.id} could do at {clock:g} MHz"
            result.append(("above_ceiling", text))
    return result


def siblings(found: Sequence[Fingerprint]) -> list[tuple[int, str]]:
    """Of several devices of one name, those whose median rate is well below that of the others.

    Returns:
        The place of each in the sequence, and what to say of it.
    """
    result = []
    for name in dict.fromkeys(f.name for f in found):
        group = [n for n, f in enumerate(found) if f.name == name and f.rates]
        for n in group if len(group) > 2 else ():
            ratio = _beside(found[n], [found[o] for o in group if o != n])
            if ratio is not None and ratio < SLOWER_THAN_SIBLINGS:
                text = f"slower than its siblings: {ratio:.2f} of the median of {len(group) - 1} others named {name}"
                result.append((n, text))
    return result


def _beside(one: Fingerprint, others: Sequence[Fingerprint]) -> float | None:
    """The median over formats of its rate over the median of the others'."""
    shares = []
    for name, rate in one.rates.items():
        rest = [o.rates[name] for o in others if name in o.rates]
        shares += [rate / median(rest)] if rest else []
    return median(shares) if shares else None
