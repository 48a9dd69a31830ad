"""Evaluation and training: what the commands of the same names do, as calls that print nothing."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from microcloud_gym import _core
from microcloud_gym.errors import EvaluationError, TrainingError
from microcloud_gym.policies import ActingPolicy
from microcloud_gym.scenarios import Scenario, load_scenario

__all__ = ["TrainingRun", "evaluate", "train"]

PlayedPolicy = str | os.PathLike[str] | ActingPolicy


class TrainingRun(NamedTuple):
    """A training run that has ended."""

    run_dir: Path
    """Its folder, which `load_policy`, `evaluate` and `train(resume=...)` take."""
    completed: bool
    """Whether all steps were taken; where not, `progress` stopped it, and it can be resumed."""
    evaluation: dict[str, Any] | None
    """The content of `evaluation.json`: the best checkpoint beside the baselines on test levels; None where not completed."""


def evaluate(
    policies: PlayedPolicy | Iterable[PlayedPolicy],
    scenarios: Scenario | Iterable[Scenario],
    *,
    episodes: int = 200,
    control_episodes: int = 50,
    split: str = "test",
    seed: int = 0,
    num_threads: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Plays policies on the same drawn levels of each scenario, and reports them as the command `evaluate --json` does.

    Args:
        policies: names and paths as `load_policy` takes them, `oracle` too; what `load_policy` gave; and objects of your own
            (see `ActingPolicy`). Such an object is asked in the thread that called, one batch of episodes after another.
        scenarios: names, paths, dictionaries.
        episodes: levels with faults, 1 to 1,000,000.
        control_episodes: levels without, 0 to 1,000,000.
        split: `train`, `test` or `heldout`.
        seed: draws the levels, the same for every policy.
        num_threads: threads that play; 0 takes as many as the machine has. Results do not depend on it.
        progress: called with the episodes played so far and all there are; no-op and oracle are always played, for the
            scale of the score.

    Returns:
        The dictionary of `evaluation.json`; what does not exist is None.

    Raises:
        PolicyError: a policy is unknown, corrupt, does not fit a scenario, or has answered with anything but one legal action
            per row.
        ScenarioError: a scenario is unknown or describes no cluster.
        EvaluationError: a number is out of range, something is given twice, or a scenario has too few such levels.
        TypeError: an argument is of the wrong type.
        KeyboardInterrupt: on Ctrl-C, at the next decision.
        Exception: whatever a policy of your own or `progress` raises, unchanged.
    """
    _check_callable(progress)
    played = [os.fspath(policy) if isinstance(policy, os.PathLike) else policy for policy in _several(policies)]
    topologies = [load_scenario(scenario) for scenario in _several(scenarios)]
    report: dict[str, Any] = json.loads(
        _core.evaluate(
            played,
            topologies,
            episodes=_whole("episodes", episodes, 1, 1_000_000),
            control_episodes=_whole("control_episodes", control_episodes, 0, 1_000_000),
            split=split,
            seed=_whole("seed", seed, 0, 2**64 - 1),
            num_threads=_whole("num_threads", num_threads, 0, 1024),
            progress=progress,
        )
    )
    return report


def train(
    scenario: Scenario | None = None,
    algo: str | None = None,
    *,
    total_timesteps: int | None = None,
    seed: int | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    on_exists: str = "fail",
    resume: str | os.PathLike[str] | None = None,
    num_envs: int | None = None,
    num_threads: int | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    progress: Callable[[dict[str, Any]], object] | None = None,
) -> TrainingRun:
    """Trains a policy and evaluates its best checkpoint on test levels, as the command `train` does.

    Args:
        scenario: a name, a path or a dictionary; `spine12` when absent.
        algo: `ppo`, also when absent, or `dqn`.
        total_timesteps: environment steps over all environments, rounded up to whole rollouts.
        seed: decides initial weights, levels, sampled actions and the order of samples; 1 when absent.
        run_dir: the run's folder; `runs/<scenario>__<algo>__s<seed>__<UTC>` when absent.
        on_exists: what to do where that folder exists: `fail`, `new` (a free name) or `resume`.
        resume: the folder of a run to go on with from its latest checkpoint; what contradicts it is refused.
        num_envs: parallel environments.
        num_threads: threads; results do not depend on it.
        config: a TOML file, or a dictionary, with any of the keys that `python -m microcloud_gym train --print-config` shows;
            `{"ppo": {"gamma": 0.99}}` and `{"ppo.gamma": 0.99}` are the same. The arguments above win over it.
        progress: called after every iteration with `step`, `total_steps`, `seconds_left`, `charts/SPS`,
            `charts/episodic_return`, `slo/availability`, `losses/policy_loss` and `losses/value_loss` of PPO, and
            `losses/td_loss` and `losses/q_values` of DQN, None where there is no figure yet. Where it returns False the run stops with a checkpoint.

    Raises:
        TrainingError: a setting is wrong, the folder exists or cannot be written, or the numbers diverge.
        ScenarioError: the scenario is unknown or describes no cluster.
        PolicyError: a checkpoint to go on from is corrupt.
        TypeError: an argument is of the wrong type.
        KeyboardInterrupt: on Ctrl-C, after a checkpoint.
        Exception: whatever `progress` raises, after a checkpoint.
    """
    _check_callable(progress)
    if resume is not None and run_dir is not None:
        raise TrainingError("resume and run_dir are both given; allowed: one of them")
    named = os.fspath(scenario) if isinstance(scenario, os.PathLike) else scenario
    topology = None if named is None or isinstance(named, str) else load_scenario(named)
    settings: list[tuple[str, str, Any]] = []
    if isinstance(config, Mapping):
        settings.extend((f"config[{key!r}]", key, value) for key, value in _flat(config))
    arguments: dict[str, Any] = {
        "scenario": named if topology is None else topology.name,
        "algo": algo,
        "total_timesteps": total_timesteps,
        "seed": seed,
        "num_envs": num_envs,
        "num_threads": num_threads,
    }
    keys = {"num_threads": "threads"}
    given = {name: value for name, value in arguments.items() if value is not None}
    settings.extend((name, keys.get(name, name), value) for name, value in given.items())
    others: dict[str, Any] = {"config": config, "run_dir": run_dir, "on_exists": on_exists, "resume": resume}
    given |= {name: value for name, value in others.items() if value not in (None, "fail")}
    run, completed = _core.train(
        config_file=None if config is None or isinstance(config, Mapping) else os.fspath(config),
        settings=settings,
        topology=topology,
        run_dir=None if run_dir is None else os.fspath(run_dir),
        on_exists=on_exists,
        resume=None if resume is None else os.fspath(resume),
        command_line=["microcloud_gym.train", *(f"{name}={value!r}" for name, value in given.items())],
        progress=progress,
    )
    run_path = Path(run)
    evaluation = json.loads((run_path / "evaluation.json").read_text()) if completed else None
    return TrainingRun(run_path, completed, evaluation)


def _several(one_or_more: Any) -> list[Any]:
    """A list of what may be given alone: a string, a path, a dictionary, or an object that is no iterable."""
    alone = isinstance(one_or_more, (str, os.PathLike, Mapping)) or not isinstance(one_or_more, Iterable)
    return [one_or_more] if alone else list(one_or_more)


def _check_callable(progress: Any) -> None:
    if progress is not None and not callable(progress):
        raise TypeError(f"progress of type {type(progress).__name__}; allowed: a function")


def _whole(key: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{key} of type {type(value).__name__}; allowed: an integer")
    number: int = value.__index__()
    if not least <= number <= most:
        raise EvaluationError(f"{key} = {number}; allowed: {least} to {most}")
    return number


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested dictionaries by their whole keys; None stands for an absent one."""
    for key, value in config.items():
        if not isinstance(key, str):
            raise TypeError(f"config: the key {key!r}; allowed: strings")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value
