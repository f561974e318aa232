"""What a door can tell a person: one clear sentence and a remedy, and how it leaves the program.

::

    ServiceError        a command or a request that cannot be done: sentence, remedy
    ├── HomeError       the node's home is not there, half made, or another's
    ├── SettingError    a setting that does not hold
    └── ProfileError    a foreign file that cannot be read at all
"""

from clearing.errors import ClearingError


class ServiceError(ClearingError):
    """A command or a request that cannot be done."""


class HomeError(ServiceError):
    """The node's home is not there, half made, or already made for something else."""


class SettingError(ServiceError):
    """A setting that does not hold, in the file or in the environment."""


class ProfileError(ServiceError):
    """A foreign file that cannot be read at all."""
