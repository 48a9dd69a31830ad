"""The Gymnasium ids, and which scenarios they stand for."""

from typing import Any, NamedTuple

import gymnasium as gym


class EnvironmentId(NamedTuple):
    """One id, without its namespace."""

    name: str
    class_name: str
    kwargs: dict[str, Any]
    scenarios: tuple[str, ...]
    """The built-in scenarios that it plays; none where the caller brings one."""
    history: tuple[str, ...]
    """What has changed, by version."""

    @property
    def full_name(self) -> str:
        """The id that `gymnasium.make` takes."""
        return f"microcloud/{self.name}"


ENVIRONMENT_IDS = (
    EnvironmentId(
        "Spine12-v0", "Spine12Env", {"scenario": "spine12"}, ("spine12",), ("v0: first version",)
    ),
    EnvironmentId(
        "Microcloud-v0",
        "MicrocloudEnv",
        {"scenario": "microcloud-normal"},
        ("microcloud-normal", "microcloud-high-load", "microcloud-cascade"),
        ("v0: first version",),
    ),
    EnvironmentId(
        "MultiCloud-v0", "MultiCloudEnv", {"scenario": "multicloud"}, ("multicloud",), ("v0: first version",)
    ),
    EnvironmentId(
        "Autoscale-v0", "AutoscaleEnv", {"scenario": "autoscale"}, ("autoscale",), ("v0: first version",)
    ),
    EnvironmentId(
        "Reliability-v0", "ReliabilityEnv", {"scenario": "reliability"}, ("reliability",), ("v0: first version",)
    ),
    EnvironmentId(
        "Quorum-v0",
        "QuorumEnv",
        {"scenario": "quorum"},
        ("quorum", "quorum-literal"),
        ("v0: first version",),
    ),
    EnvironmentId(
        "OnlineBoutique-v0",
        "OnlineBoutiqueEnv",
        {"scenario": "online-boutique"},
        ("online-boutique",),
        ("v0: first version",),
    ),
    EnvironmentId("Random-v0", "RandomEnv", {"scenario": "random"}, ("random",), ("v0: first version",)),
    EnvironmentId("Custom-v0", "CustomEnv", {}, (), ("v0: first version",)),
)


def register_environments() -> None:
    """Registers every id; again where it has been done before, nothing happens."""
    for own in ENVIRONMENT_IDS:
        if own.full_name not in gym.registry:
            gym.register(
                id=own.full_name,
                entry_point=f"microcloud_gym.environments:{own.class_name}",
                vector_entry_point="microcloud_gym.vector:VectorEnv",
                kwargs=own.kwargs,
            )
