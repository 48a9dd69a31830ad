"""The environments behind the ids, one class each."""

from microcloud_gym.env import Env


class Spine12Env(Env):
    """`microcloud/Spine12-v0`."""


class OnlineBoutiqueEnv(Env):
    """`microcloud/OnlineBoutique-v0`."""


class RandomEnv(Env):
    """`microcloud/Random-v0`."""


class CustomEnv(Env):
    """`microcloud/Custom-v0`."""
