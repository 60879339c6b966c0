"""One record looked at as evidence: worked out again, held to the method and to the part, and kept without samples.

A record that does not hold is set aside with what is wrong with it; none of its figures is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenzone.errors import GreenzoneError, NotVerified
from greenzone.parts.catalogue import Catalogue
from greenzone.parts.profile import DeviceProfile
from greenzone.policy.certifying.conditions import conflicts, departures
from greenzone.policy.certifying.represented import Represented
from greenzone.records.record import Record

LONGEST_UUID = 64  # NVIDIA's have 40 characters
SHOWN = 3  # of the differences of a record that does not hold; `greenzone verify` has them all
_HEAVY: dict[str, Any] = {"samples": [], "warmups": [], "rounds": [], "repeats": [], "search": None}
# What tells one board from another and what runs on it; where a driver does not tell, that is said.
TOLD_BY_DRIVER = ("uuid", "serial", "board", "vbios", "driver")
FACTS = (
    "id", "name", "uuid", "serial", "board", "vbios", "driver", "capability", "units", "memory_bytes",
    "clock_max_sm_mhz", "clock_max_mhz", "memory_bandwidth_ceiling_gb_s", "power_limit_w", "power_limit_default_w",
    "ecc",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A record as it lies on disk: its name, its SHA-256, and what was said of its signature."""

    name: str
    sha256: str
    signature: str
    refusal: str | None = None


@dataclass(frozen=True)
class Examined:
    """A record as evidence of a unit; `faults` say why it does not hold, and then nothing else is used."""

    file: File
    record: Record
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    departures: tuple[str, ...]
    conflicts: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults

    @property
    def emulated(self) -> bool:
        return bool(self.record.device.get("emulated")) or any(row.emulated for row in self.record.benchmarks)

    @property
    def uuid(self) -> str | None:
        """What tells the device from every other; None where it does not say, or says what is none."""
        found = self.record.device.get("uuid")
        return found if isinstance(found, str) and found.isprintable() and 0 < len(found) <= LONGEST_UUID else None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        run = self.record.run
        return {
            "file": self.file.name, "sha256": self.file.sha256, "run": run.id, "started_at": run.started_at,
            "suite": str(self.record.settings.get("suite")), "holds": self.holds,
            "tool": {key: str(self.record.tool.get(key)) for key in ("name", "version", "package_sha256")},
            "faults": list(self.faults), "notes": list(self.notes), "signature": self.file.signature,
            "departures": list(self.departures), "conflicts": list(self.conflicts), "emulated": self.emulated,
        }  # fmt: skip


def examine(
    file: File,
    document: Mapping[str, Any],
    record: Record,
    represented: Represented,
    profile: DeviceProfile,
    known: Catalogue,
    folder: Path | None = None,
) -> Examined:
    """Work a record out again and hold it to the method.

    Args:
        file: where it lies, and what its signature came to.
        document: its plain data, as the file has it.
        record: the same, read.
        represented: what is asked of the lot.
        profile: of the part represented.
        known: every profile, among which a device is looked for by how it behaves.
        folder: of the user's own profiles.
    """
    faults, notes = _verified(document, record, folder)
    if file.refusal is not None:
        faults = [file.refusal, *faults]
    light = record.model_copy(update={"benchmarks": [row.model_copy(update=_HEAVY) for row in record.benchmarks]})
    return Examined(
        file, light, tuple(faults), tuple(notes), tuple(departures(record, represented)),
        tuple(conflicts(record, profile, known)),
    )  # fmt: skip


def _verified(document: Mapping[str, Any], record: Record, folder: Path | None) -> tuple[list[str], list[str]]:
    from greenzone.lab.verification import verify

    try:
        found = verify(document, record, folder)
    except GreenzoneError as error:
        return [str(error)], []
    wrong = [*found.changes, *map(str, found.differences)]
    more = [f"and {len(wrong) - SHOWN} more; `greenzone verify` has them all"] if len(wrong) > SHOWN else []
    return [*wrong[:SHOWN], *more], list(found.notes)


def signature_of(
    content: bytes, document: Mapping[str, Any], envelope: Path, key: Path | None
) -> tuple[str, str | None]:  # fmt: skip
    """What is said of a record's signature, and why it is refused if it is.

    Args:
        content: the bytes of the record's file.
        document: the same as plain data.
        envelope: the path of what `greenzone sign` wrote of it; it need not be there.
        key: the public key of who is trusted to have signed; None checks nothing.

    Raises:
        GreenzoneError: the extra `attest` is not installed, or the key cannot be read.
    """
    if not envelope.exists():
        return ("not signed", None) if key is None else ("not signed", f"not signed: {envelope.name} is not there")
    if key is None:
        return "an envelope lies beside it, and no key was given to check it with", None
    from greenzone.records.signature import require_signed

    try:
        signed = require_signed(content, document, envelope, key)
    except NotVerified as error:
        return "its signature does not hold", str(error)
    told = f"signed by the key {signed.keyid}"
    token = signed.predicate.get("attestation")
    return f"{told}, with a token of the device's vendor that is not checked here" if token else told, None
