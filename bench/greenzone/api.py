"""The same from Python: `classify`, `load_profiles` and `run` with plain arguments; today where no day is given."""

import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from greenzone.errors import UsageError
from greenzone.law.classification import classify as _classify
from greenzone.law.transaction import Transaction
from greenzone.law.verdict import Classification
from greenzone.parts.capability import Part, part_of, with_set
from greenzone.parts.catalogue import load_catalogue
from greenzone.parts.profile import DeviceProfile

if TYPE_CHECKING:
    import pandas as pd

    from greenzone.records.record import Record


def _day(day: date | str | None) -> date:
    """A day as a date or as YYYY-MM-DD; today (UTC) if none.

    Raises:
        UsageError: it is no date.
    """
    if isinstance(day, str):
        try:
            return date.fromisoformat(day)
        except ValueError:
            raise UsageError(f"{day!r} is no date; write YYYY-MM-DD, as in 2025-04-10") from None
    return day or datetime.now(UTC).date()


def load_profiles(folder: str | Path | None = None) -> "pd.DataFrame":
    """Every profile as a DataFrame, a row a part by its id: what `greenzone tiers` and `compare` print.

    Args:
        folder: profiles of your own, over the shipped ones; a file that cannot be loaded is warned of.

    Returns:
        Columns name, vendor, architecture, item, datacenter, released, and for every metric NAME (NaN where
        it is no point), NAME_low and NAME_high (0 and inf where nothing is known). Those of the regulated
        parameters are the columns that `classify_frame` reads.

    Raises:
        FileError: the folder is none.
    """
    from greenzone.parts.metrics import profile_frame

    found = load_catalogue(Path(folder) if folder is not None else None)
    for fault in found.faults:
        warnings.warn(f"left out: {fault}", stacklevel=2)
    return profile_frame(found.profiles)


def classify(
    part: DeviceProfile | Part,
    *,
    on: date | str | None = None,
    known_on: date | str | None = None,
    to: str | None = None,
    kind: str = "export",
    origin: str | None = None,
    headquarters: str | None = None,
    regimes: Sequence[str] | None = None,
    settings: Sequence[str] = (),
) -> Classification:
    """Which clauses a part meets on a day, for a transaction.

    Args:
        part: a profile, or a part made by hand.
        on: the day whose law is asked for; today if none.
        known_on: the day up to which publications count; today if none.
        to: destination, an ISO 3166 code.
        origin: where it leaves from; the United States for an export if none.
        headquarters: where the parties, or their parents, have their seat.
        kind: export, reexport, transfer or import.
        regimes: ids; every control, eligibility and tariff that applies if none.
        settings: values given by hand, "tpp=4625.." each.

    Raises:
        UsageError: an unknown regime, country, kind or parameter.
    """
    subject = with_set(part if isinstance(part, Part) else part_of(part), settings)
    deal = Transaction.of(to, kind, origin, headquarters)
    return _classify(subject, _day(on), _day(known_on), deal, regimes)


def classify_frame(
    frame: "pd.DataFrame",
    *,
    on: date | str | None = None,
    known_on: date | str | None = None,
    item: str = "integrated_circuit",
    regimes: Sequence[str] | None = None,
    **facts: float | bool | None,
) -> "pd.DataFrame":
    """Many parts at once: the truth of every clause and the status of every regime, for each row.

    Args:
        frame: a row a part; columns as the parameters (`tpp`, `applicable_die_area_mm2`, ...), NaN where
            unknown, or NAME_low and NAME_high; and `datacenter` and the other item facts.
        on: the day whose law is asked for; today if none.
        known_on: the day up to which publications count; today if none.
        item: the kind of item all rows are.
        regimes: ids; every control, eligibility and tariff in force if none.
        facts: values that hold for every row, where the frame has no such column: datacenter=True.

    Returns:
        A frame with the same index: `REGIME status` and `REGIME CLAUSE` columns.

    Raises:
        UsageError: an unknown column, fact or regime, or a value that cannot be.
    """
    from greenzone.law.frame import classify_frame as _classify_frame

    return _classify_frame(frame, on=_day(on), known_on=_day(known_on), item=item, regimes=regimes, **facts)


def run(
    device: str = "auto",
    *,
    suite: str = "quick",
    workloads: Sequence[str] = (),
    formats: Sequence[str] | None = None,
    models: Sequence[str] = (),
    seed: int = 0,
    folder: str | Path = "results",
    fault: str | None = None,
) -> "Record":
    """Measure a device; the record that `greenzone run` would write, which is also on disk.

    `fault` is what is to go wrong in an emulated device, NAME or NAME@SECONDS of its own time.

    Raises:
        UsageError, DeviceError, FileError, Interrupted: as the command does.
    """
    from greenzone.lab.harness import Request
    from greenzone.lab.harness import run as _run

    chosen = tuple(formats) if formats else None
    request = Request(
        device, suite, tuple(workloads), chosen, tuple(models), seed=seed, folder=Path(folder), fault=fault
    )  # fmt: skip
    return _run(request).record
