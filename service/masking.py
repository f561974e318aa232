"""Card numbers are personal data: people are shown the last four digits, unless they ask for more."""


def masked(serial: str) -> str:
    """A card's serial with all but its last four digits hidden."""
    return "*" * (len(serial) - 4) + serial[-4:]
