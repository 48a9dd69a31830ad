"""A gym for self-healing distributed systems: simulated clusters of microservices as Gymnasium environments.

Importing registers the ids, `microcloud/Spine12-v0` and its siblings; `microcloud_gym.environments` has their cards.
"""

from collections.abc import Mapping

from microcloud_gym import errors
from microcloud_gym._core import Incident
from microcloud_gym.env import Env
from microcloud_gym.learning import TrainingRun, evaluate, train
from microcloud_gym.policies import ActingPolicy, Policy, load_policy
from microcloud_gym.registration import register_environments
from microcloud_gym.scenarios import ScenarioSummary, load_scenario, scenarios
from microcloud_gym.vector import VectorEnv

__version__ = "0.1.0"
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
register_environments()
