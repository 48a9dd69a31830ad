"""`python -m microcloud_gym COMMAND ...`: the commands of the binaries."""

import difflib
import signal
import sys

COMMANDS = {
    "train": "trains a policy with PPO or DQN, ending with an evaluation table",
    "evaluate": "runs policies on the same levels and reports return, score, detection and recovery",
    "scenario": "lists, shows, checks and generates scenarios, and validates the simulator",
    "experiment": "injects one fault after another and reports detection and recovery",
    "report": "compares runs over seeds and levels, as HTML, Markdown or JSON",
    "bench": "measures how fast environments step",
}


def main() -> int:
    """Runs the command that the program's arguments name, and returns its exit code."""
    command, *arguments = sys.argv[1:] or [""]
    if command in ("-h", "--help", "help"):
        print(usage())
        return 0
    if command in ("-V", "--version"):
        from microcloud_gym import __version__

        print(f"microcloud_gym {__version__}")
        return 0
    if command not in COMMANDS:
        nearest = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
        problem = f"unknown command `{command}`" if command else "a command is missing"
        print(f"error: {problem}{hint}; allowed: {', '.join(COMMANDS)}; see `--help`", file=sys.stderr)
        return 2
    from microcloud_gym import _core

    # Ctrl-C ends the process, as it ends a binary, until the command listens for it itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _core.run_command(command, arguments)


def usage() -> str:
    """What `--help` prints."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {about}" for name, about in COMMANDS.items())
    return (
        "Usage: python -m microcloud_gym COMMAND ...\n\n"
        f"Commands, each with a --help of its own:\n{lines}\n\n"
        "Example:\n  python -m microcloud_gym evaluate no-op threshold-rules --episodes 20 --control-episodes 5"
    )


if __name__ == "__main__":
    sys.exit(main())
