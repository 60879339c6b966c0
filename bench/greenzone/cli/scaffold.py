"""`greenzone profiles new`: a commented profile to finish, from options or from a live device."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from greenzone.cli.options import complete, device_specs, say, today
from greenzone.errors import DataFileError, FileError, UsageError
from greenzone.parts.scaffold import Known, scaffold

_DIE = re.compile(r"(?:(\d+)x)?(\d+(?:\.\d+)?)(?:@(.+))?")


@click.command("new")
@click.argument("profile_id", metavar="ID")
@click.option("--device", metavar="cuda:N|cpu", shell_complete=complete(device_specs), help="Ask this live device.")
@click.option("--name", help="The part's name.")
@click.option("--vendor", help="Its maker.")
@click.option("--architecture", help="Its architecture.")
@click.option("--datacenter/--no-datacenter", default=None, help="Designed or marketed for data centres, or not.")
@click.option("--die", "dies", multiple=True, metavar="[COUNTx]MM2[@NODE]", help='A logic die, as in "2x814@TSMC 4NP".')
@click.option("--peak", "peaks", multiple=True, metavar="FORMAT=TOPS", help="A claimed dense rate; may be repeated.")
@click.option("--memory", metavar="KIND[,GB[,GB/S]]", help="Its memory, as in HBM3,96,4000.")
@click.option("--link", "links", multiple=True, metavar="KIND=GB/S", help='A link, both ways: "NVLink 4=900".')
@click.option("--units", type=click.IntRange(1), help="Units of the whole package.")
@click.option("--boost-mhz", type=click.FloatRange(1), help="The rated clock.")
@click.option("--ops", multiple=True, metavar="FORMAT=N", help="Operations of one unit a clock; may be repeated.")
@click.option("--power-w", type=click.FloatRange(0.1), help="Board power.")
@click.option("--source", help="The title of the sheet the figures are from.")
@click.option("--url", help="Its address.")
@click.option(
    "-o", "--output", "out", metavar="FILE", help="Where to write; - prints.  [default: ID.toml]",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
)  # fmt: skip
def profiles_new(
    profile_id: str, device: str | None, name: str | None, vendor: str | None, architecture: str | None,
    datacenter: bool | None, dies: tuple[str, ...], peaks: tuple[str, ...], memory: str | None, links: tuple[str, ...],
    units: int | None, boost_mhz: float | None, ops: tuple[str, ...], power_w: float | None, source: str | None,
    url: str | None, out: Path | None,
) -> None:  # fmt: skip
    """Write a commented profile of the part ID, with what is not known left out to be filled in.

    What options say stands over what a live device tells. An existing file is never overwritten.
    """
    known = _asked(device, profile_id) if device is not None else Known(profile_id)
    given: dict[str, Any] = {
        "name": name, "vendor": vendor, "architecture": architecture, "datacenter": datacenter,
        "source": source, "url": url,
        "dies": tuple(_die(text) for text in dies) or None, "peaks": _numbers("--peak", peaks) or None,
        "links": _numbers("--link", links) or None, "memory": _memory(memory, known.memory),
    }  # fmt: skip
    own = {"units": units, "boost_mhz": boost_mhz, "power_w": power_w, "ops_per_clock": _numbers("--ops", ops) or None}
    hardware = {**known.hardware, **{k: v for k, v in own.items() if v is not None}}
    changed = {k for k, v in given.items() if v is not None} | ({"hardware"} if hardware != known.hardware else set())
    known = replace(known, hardware=hardware, told=known.told - changed,
                    **{k: v for k, v in given.items() if v is not None})  # fmt: skip
    if known.name and not known.names:
        known = replace(known, names=(known.name,))
    _write(scaffold(known, today()), out or Path(f"{profile_id}.toml"))


def _asked(device: str, profile_id: str) -> Known:
    from greenzone.lab.devices import open_device
    from greenzone.lab.live import known_of
    from greenzone.parts.catalogue import load_profile

    return known_of(open_device(device, load_profile), profile_id)


def _die(text: str) -> Mapping[str, Any]:
    found = _DIE.fullmatch(text.strip())
    if not found or float(found[2]) == 0:
        raise UsageError(f'--die {text}: write [COUNTx]MM2[@NODE] in square millimetres, as in 814 or "2x814@TSMC 4NP"')
    from greenzone.parts.lint.dies import transistor_of

    node = found[3]
    return {
        "count": int(found[1] or 1), "area_mm2": float(found[2]), "node": node, "transistor": transistor_of(node),
    }  # fmt: skip


def _numbers(option: str, texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        key, equals, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not equals or not key.strip() or not 0 < number <= 1e18:
            raise UsageError(f"{option} {text}: write NAME=NUMBER, the number above zero")
        if key.strip() in found:
            raise UsageError(f"{option} {text}: {key.strip()} is given twice; give each name once")
        found[key.strip()] = number
    return found


def _memory(text: str | None, told: Mapping[str, Any]) -> dict[str, Any] | None:
    if text is None:
        return None
    kind, *numbers = (part.strip() for part in text.split(","))
    keys = ("capacity_gb", "bandwidth_gb_s")
    if not kind or len(numbers) > len(keys):
        raise UsageError(f"--memory {text}: write KIND, KIND,GB or KIND,GB,GB/S, as in HBM3,96,4000")
    if not all(numbers):
        raise UsageError(f"--memory {text}: write KIND, KIND,GB or KIND,GB,GB/S, as in HBM3,96,4000")
    given = _numbers("--memory", [f"{key}={n}" for key, n in zip(keys, numbers, strict=False)])
    return {**told, "kind": kind, **given}


def _write(text: str, out: Path) -> None:
    """Print, or write a new file; the text is checked first, so that a file begun is a file that loads."""
    from greenzone.datafiles import build, parse_toml
    from greenzone.parts.profile import DeviceProfile
    from greenzone.schemas import check

    try:
        data = parse_toml(text.encode(), "the options")
        check(DeviceProfile, data, "the options")
        build(DeviceProfile, data)
    except (DataFileError, ValueError) as error:
        raise UsageError(str(error)) from None
    if str(out) == "-":
        say(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise FileError(f"{out}: is there already and is not overwritten; choose another with -o") from None
    except OSError as error:
        raise FileError(f"{out}: cannot be written ({error.strerror or error}); choose another with -o") from None
    say(f"written: {out}; fill in what is commented out, then `greenzone profiles lint {out}`")
