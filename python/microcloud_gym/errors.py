"""The exceptions that this package raises beside Python's own.

A value of the wrong type is a `TypeError`, an array of the wrong shape or order a `ValueError`, as everywhere in Python.
"""

import gymnasium.error


class MicrocloudError(Exception):
    """What every exception of this package is."""


class ScenarioError(MicrocloudError, ValueError):
    """A scenario is unknown, or describes no cluster: the message names file, key, what is allowed and the nearest match."""


class PolicyError(MicrocloudError, ValueError):
    """A policy is unknown, corrupt, or made for another environment, or has chosen what is no action."""


class SnapshotError(MicrocloudError, ValueError):
    """A snapshot is no snapshot, altered, or of another version, scenario or split; nothing was restored."""


class ActionError(MicrocloudError, gymnasium.error.InvalidAction, ValueError):
    """An action is out of range, or there are more or fewer than environments; nothing was stepped."""


class ResetNeededError(MicrocloudError, gymnasium.error.ResetNeeded):
    """The environment has not been reset yet, or its episode is over."""


class ClosedError(MicrocloudError, gymnasium.error.ClosedEnvironmentError):
    """The environment is closed."""


class ConcurrentUseError(MicrocloudError, RuntimeError):
    """Another thread is using the same object at this moment; nothing was done."""


class TrainingError(MicrocloudError, RuntimeError):
    """Training did not start, or stopped: a wrong setting, a folder that cannot be written, numbers that diverge."""


class EvaluationError(MicrocloudError, RuntimeError):
    """An evaluation gave no report."""
