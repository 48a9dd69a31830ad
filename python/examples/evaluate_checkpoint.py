"""Evaluates trained policies beside the baselines, then watches one of them decide.

    python evaluate_checkpoint.py runs/spine12__ppo__s1__20261101T120000Z --scenario spine12 --episodes 200

A policy is the folder of a run, of a checkpoint or of a released policy, or a baseline's name.
"""

import argparse

import numpy as np

import microcloud_gym


def main() -> None:
    """Prints the table of an evaluation, and what the first policy does in one episode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="*", default=["threshold-rules"])
    parser.add_argument("--scenario", default="spine12", help="a name or the path of a TOML file")
    parser.add_argument("--split", default="test", choices=["train", "test", "heldout"])
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--control-episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    report = microcloud_gym.evaluate(
        policies=[*args.policies, "no-op"],
        scenarios=[args.scenario],
        split=args.split,
        episodes=args.episodes,
        control_episodes=args.control_episodes,
        seed=args.seed,
    )
    print(f"{'policy':<40} {'return':>8} {'score':>7} {'availability':>12} {'TTR':>7} {'actions':>7}")
    for row in report["rows"]:
        score = (row["score"] or {}).get("value")
        shown = "-" if score is None else f"{score:.2f}"
        recovery = "-" if row["ttr_s"] is None else f"{row['ttr_s']:.0f} s"
        print(
            f"{row['policy']:<40} {row['return']['mean']:>8.2f} {shown:>7} {row['availability']:>12.4f}"
            f" {recovery:>7} {row['actions']:>7.1f}"
        )

    # The same policy, one decision after another, in the Gymnasium environment.
    env = microcloud_gym.Env(scenario=args.scenario, split=args.split)
    policy = microcloud_gym.load_policy(args.policies[0], env)
    meanings, decision_s = env.action_meanings(), env.topology.tick_s * env.topology.decision_ticks
    observation, info = env.reset(seed=args.seed)
    print(f"level {info['level']}: what {policy.name} does, and which incidents are open then")
    ended, decision, total = False, 0, 0.0
    while not ended:
        action = policy.act(observation[np.newaxis], env.action_masks()[np.newaxis], np.array([decision == 0]))[0]
        if action != 0:
            minutes, seconds = divmod(round(decision * decision_s), 60)
            open_now = ", ".join(f"{incident['rule_name']} on {incident['target']}" for incident in env.open_incidents())
            print(f"  {minutes:>3}:{seconds:02}  {meanings[action]:<24} {open_now}")
        observation, reward, terminated, truncated, _ = env.step(action)
        ended, decision, total = terminated or truncated, decision + 1, total + reward
    print(f"return {total:.2f}")


if __name__ == "__main__":
    main()
