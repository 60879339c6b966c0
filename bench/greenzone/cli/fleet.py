"""`greenzone fleet`: many devices."""

import click

from greenzone.cli.gather import gather


@click.group()
def fleet() -> None:
    """Many devices: gather their records, and say which of them lie apart."""


fleet.add_command(gather)
