"""A gym for self-healing distributed systems: simulated clusters of microservices as Gymnasium environments.

Importing registers the ids, `microcloud/Spine12-v0` and its siblings; `microcloud_gym.environments` has their cards.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from microcloud_gym import _core, errors
from microcloud_gym._core import Incident
from microcloud_gym.env import Env
from microcloud_gym.learning import TrainingRun, evaluate, train
from microcloud_gym.policies import ActingPolicy, Policy, load_policy
from microcloud_gym.registration import register_environments
from microcloud_gym.scenarios import ScenarioSummary, load_scenario, scenarios
from microcloud_gym.vector import VectorEnv

__version__: str = _core.__version__
__all__ = [
    "ActingPolicy",
    "Env",
    "Incident",
    "Policy",
    "ScenarioSummary",
    "TrainingRun",
    "VectorEnv",
    "errors",
    "evaluate",
    "load_policy",
    "load_scenario",
    "scenarios",
    "train",
]

Mapping.register(Incident)


def __getattr__(name: str) -> Any:
    """The cards' module, which nobody else needs."""
    if name == "environments":
        return importlib.import_module("microcloud_gym.environments")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_environments()
