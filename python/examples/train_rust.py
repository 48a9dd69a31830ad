"""Trains with the trainer that is built in, which needs neither torch nor anything else, and shows its evaluation.

    python train_rust.py --total-timesteps 2000000

The run's folder holds checkpoints, TensorBoard's event files and evaluation.json; evaluate_checkpoint.py takes it.
"""

import argparse
from typing import Any

import microcloud_gym


def show(progress: dict[str, Any]) -> None:
    """Prints a line after every iteration."""

    def figure(key: str, digits: int) -> str:
        return "-" if progress[key] is None else f"{progress[key]:.{digits}f}"

    print(
        f"step {progress['step']:>9} of {progress['total_steps']}"
        f"  return {figure('charts/episodic_return', 2)}"
        f"  availability {figure('slo/availability', 4)}"
        f"  steps per second {figure('charts/SPS', 0)}",
        flush=True,
    )


def main() -> None:
    """Trains and prints the evaluation's rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="spine12", help="a name or the path of a TOML file")
    parser.add_argument("--total-timesteps", type=int, default=500_000)
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument("--eval-episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run-dir", help="the run's folder; runs/<scenario>__ppo__s<seed>__<UTC> when absent")
    args = parser.parse_args()

    run = microcloud_gym.train(
        scenario=args.scenario,
        algo="ppo",
        total_timesteps=args.total_timesteps,
        seed=args.seed,
        num_envs=args.num_envs,
        num_threads=args.num_threads,
        run_dir=args.run_dir,
        config={"eval_episodes": args.eval_episodes, "final_episodes": args.eval_episodes},
        progress=show,
    )
    print(f"{'policy':<40} {'return':>8} {'availability':>12} {'recovered':>9}")
    for row in (run.evaluation or {"rows": []})["rows"]:
        print(
            f"{row['policy']:<40} {row['return']['mean']:>8.2f} {row['availability']:>12.4f} {row['recovered_ratio']:>9.2f}"
        )
    print(f"the run's folder: {run.run_dir}")


if __name__ == "__main__":
    main()
