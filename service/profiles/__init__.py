"""Foreign layouts, mapped onto the canonical record. One file for each source.

In: a file as another system publishes it, and the registry. Out: unsigned batches under the profile's
name, one per operator and declared date, for the centre's own staff to hand in; rows of the registry
that the file shows to be missing. Which checks a source supports stands in ``clearing.intake``.

A row that cannot be understood never stops the others: it becomes a record that is judged malformed,
and what no record can hold is listed with its line.
"""

from service.errors import ProfileError
from service.profiles import shenzhen_2018
from service.profiles.layout import Layout

LAYOUTS: dict[str, Layout] = {shenzhen_2018.LAYOUT.name: shenzhen_2018.LAYOUT}
"""The layouts by the name of their profile."""


def find(name: str) -> Layout:
    """The layout of a profile. Raises ``ProfileError``."""
    if name not in LAYOUTS:
        raise ProfileError(f"There is no profile {name!r}.", f"Known are {', '.join(LAYOUTS)}.")
    return LAYOUTS[name]
