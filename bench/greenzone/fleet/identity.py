"""How a device is named beside others of its kind."""


def short(uuid: str | None) -> str:
    """A UUID's first two groups, which tell devices of a fleet apart.

    >>> short("GPU-1f2a3b4c-5d6e-7f80-9102-a3b4c5d6e7f8"), short(None)
    ('GPU-1f2a3b4c', '-')
    """
    return "-".join(uuid.split("-")[:2]) if uuid else "-"
