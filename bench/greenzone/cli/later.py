"""Commands that have their name and place and are not built yet: each says so and exits 1."""

import click

from greenzone.errors import NotThereYet

LATER = {
    "certificate": "a certificate of records",
}


def _later(name: str, what: str) -> click.Command:
    @click.command(
        name, help=f"Not there yet: {what}.", short_help=f"Not there yet: {what}.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )  # fmt: skip
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        raise NotThereYet(f"greenzone {name} is not there yet ({what}); `greenzone --help` lists what is")

    return command


globals().update({name: _later(name, what) for name, what in LATER.items()})
