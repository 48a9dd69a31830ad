"""The environment cards are what the code says, and what the environments do."""

import inspect
import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from cases import Case, Plan

from microcloud_gym import Env, VectorEnv, _core, cards, environments, load_scenario
from microcloud_gym.meanings import ACTIONS, FEATURES, INFO
from microcloud_gym.registration import ENVIRONMENT_IDS, EnvironmentId

DOCS = Path(__file__).parents[2] / "docs" / "environments"
HEADINGS = ["Description", "Action Space", "Observation Space", "Rewards", "Starting State", "Episode End", "Info", "Arguments",
            "Version History"]  # fmt: skip


def test_cards_are_up_to_date() -> None:
    """Byte for byte; `python -m microcloud_gym.cards --write` writes them anew."""
    assert Path(inspect.getfile(environments)).read_text(encoding="utf-8") == cards.environments_module()
    written = {path.name: path.read_text(encoding="utf-8") for path in DOCS.iterdir()}
    assert written == {f"{own.name}.md": cards.page(own) for own in ENVIRONMENT_IDS}


@pytest.mark.parametrize("own", ENVIRONMENT_IDS, ids=[own.name for own in ENVIRONMENT_IDS])
def test_every_id_has_its_card_as_the_docstring_of_its_class(own: EnvironmentId) -> None:
    spec = gym.spec(own.full_name)
    module, _, name = str(spec.entry_point).partition(":")
    assert module == environments.__name__
    text = inspect.getdoc(getattr(environments, name)) or ""
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert spec.id in text.splitlines()[0]


def test_every_scenario_that_comes_with_the_package_is_reachable_by_an_id() -> None:
    builtin, generated = _core.builtin_scenarios()
    assert sorted(builtin + generated) == sorted(name for own in ENVIRONMENT_IDS for name in own.scenarios)


def test_every_feature_and_action_has_its_sentence() -> None:
    assert [list(features) for features in FEATURES.values()] == [list(names) for names in _core.feature_names()]
    for own in ENVIRONMENT_IDS:
        for scenario in own.scenarios:
            meanings = load_scenario(scenario).action_meanings()
            assert all(meaning in ACTIONS or meaning.partition("(")[0] in ACTIONS for meaning in meanings)


def test_every_feature_stays_in_the_range_of_its_card(case: Case) -> None:
    """Under neglect, chaos and total loss, in levels of every split."""
    for split in ("train", "heldout"):
        env = case.make(split=split)
        names = env.observation_names()
        known = [FEATURES[name.partition(".")[0]][name.rpartition(".")[2]] for name in names]
        least = np.array([feature.least for feature in known], np.float32)
        greatest = np.array([feature.greatest for feature in known], np.float32)
        for row in range(3):
            plan = Plan(env.action_meanings(), 3, seed=row)
            observation, _ = env.reset(seed=row)
            over = False
            while not over:
                outside = np.flatnonzero((observation < least) | (observation > greatest))
                assert not outside.size, {names[place]: float(observation[place]) for place in outside}
                observation, _, terminated, truncated, _ = env.step(plan.next()[row])
                over = terminated or truncated


def test_infos_hold_what_the_cards_say() -> None:
    env = Env("spine12")
    _, at_reset = env.reset(seed=1)
    *_, at_step = env.step(0)
    entries = {entry.strip("`"): (after, content) for entry, after, content in INFO}
    assert {entry for entry, (after, _) in entries.items() if after in ("always", "`reset`")} == set(at_reset)
    assert {entry for entry, (after, _) in entries.items() if after in ("always", "`step`")} == set(at_step)
    for entry in ("reward_terms", "metrics"):
        assert set(at_step[entry]) <= set(re.findall(r"`(\w+)`", entries[entry][1]))
    env = Env("spine12")
    env.reset(seed=3)
    drain = [number for number, meaning in enumerate(env.action_meanings()) if meaning.startswith("drain")]
    found = [incident for action in drain * 8 for incident in env.step(action)[4]["incidents"]]
    assert found
    assert set(found[0]) == set(re.findall(r"`(\w+)`", entries["incidents"][1]))


def test_the_tables_of_actions_and_features_leave_out_none() -> None:
    for own in ENVIRONMENT_IDS:
        if len(own.scenarios) != 1:
            continue
        env = gym.make(own.full_name).unwrapped
        assert isinstance(env, Env)
        text = cards.card(own)
        numbers = [place for line in re.findall(r"^\| (\d+(?:-\d+)?) \|", text, re.MULTILINE) for place in _span(line)]
        assert numbers == list(range(env.topology.num_actions))
        features = [place for line in re.findall(r"^\*\*(\d+-\d+):", text, re.MULTILINE) for place in _span(line)]
        assert features == list(range(env.topology.observation_size))
        assert f"Box(-4, 4, ({env.topology.observation_size},), float32)" in text


def _span(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def test_arguments_on_the_cards_are_those_that_can_be_given() -> None:
    named = {part for row in (*cards.ARGUMENTS, *cards.VECTOR_ARGUMENTS) for part in row[0].split(", ")}
    taken = {name for kind in (Env, VectorEnv) for name in inspect.signature(kind).parameters}
    assert taken - {"num_envs", "scenario", "topology_seed"} == named
