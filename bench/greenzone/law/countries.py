"""Country groups of 15 CFR part 740, Supplement No. 1, as dated data; Hong Kong is treated as China."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Annotated, Literal

from greenzone.datafiles import Bound, Confidence, data_root, load
from greenzone.errors import UsageError, unknown

# ISO 3166-1 alpha-2, all officially assigned codes.
ISO = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
    FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
    IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
    MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
    YT ZA ZM ZW
    """.split()  # noqa: SIM905 - 249 codes read better as text
)
TREATED_AS = {"HK": "CN"}


@dataclass(frozen=True)
class Member:
    """A country in a group, from a day (inclusive) until another (exclusive), where those are known."""

    iso: Annotated[str, Bound(pattern=r"^[A-Z]{2}$")]
    name: str
    since: date | None = None
    until: date | None = None
    # When the change was published; on its day where none is given.
    published: date | None = None
    cite: str | None = None
    confidence: Confidence | None = None


    def is_in(self, day: date, known_on: date) -> bool:
        """Whether it is a member on a day, as far as was published by another."""
        joined = self.since is None or (self.since <= day and self._known(self.since, known_on))
        left = self.until is not None and self.until <= day and self._known(self.until, known_on)
        return joined and not left

    def _known(self, change: date, known_on: date) -> bool:
        return (self.published or change) <= known_on


@dataclass(frozen=True)
class Group:
    """One country group through time."""

    schema_version: Literal[1] = field(metadata={"key": "schema"})
    id: str
    title: str
    cite: str
    url: str
    confidence: Confidence
    reviewed_on: date
    members: tuple[Member, ...] = field(default=(), metadata={"key": "member"})

    def on(self, day: date, known_on: date = date.max) -> frozenset[str]:
        """The ISO codes of its members on a day, by the changes that were published by another."""
        return frozenset(m.iso for m in self.members if m.is_in(day, known_on))


@cache
def group_ids() -> tuple[str, ...]:
    """The ids of the country groups that ship."""
    return tuple(sorted(p.stem for p in (data_root() / "countries").glob("*.toml")))


@cache
def load_group(name: str) -> Group:
    """The group `D5` (D:5); UsageError if there is no such group."""
    paths = {p.stem: p for p in sorted((data_root() / "countries").glob("*.toml"))}
    if name not in paths:
        raise unknown("country group", name, paths)
    return load(Group, paths[name])


def country(code: str) -> str:
    """The ISO 3166 code a rule looks at: upper case, Hong Kong as China.

    Raises:
        UsageError: it is no ISO 3166-1 alpha-2 code.
    """
    upper = code.upper() if code.isascii() else code
    if upper not in ISO:
        raise UsageError(f"{code!r} is no country: give an ISO 3166 code of two letters, as in CN, MO, SG, US")
    return TREATED_AS.get(upper, upper)


def matches(code: str, patterns: tuple[str, ...], on: date, known_on: date = date.max) -> bool:
    """Whether a country is meant by a list such as ["@D1", "@D5", "MO", "!@A5"] on a day."""
    return code in meant(patterns, on, known_on)


@cache
def meant(patterns: tuple[str, ...], on: date, known_on: date = date.max) -> frozenset[str]:
    """The countries a list means on a day, by the changes of groups that were published by another.

    Groups minus groups (`!@A5` takes members out of the groups named), plus single countries, which
    stand whatever group they are in.
    """
    single = {TREATED_AS.get(p, p) for p in patterns if "@" not in p}
    named = [load_group(p[1:]).on(on, known_on) for p in patterns if p.startswith("@")]
    taken = [load_group(p[2:]).on(on, known_on) for p in patterns if p.startswith("!@")]
    return frozenset().union(*named).difference(*taken).union(single)
