"""How the scripts of this folder end: with a sentence, whatever fails or stops them, and without children."""

import os
import signal
import subprocess
import sys


def interrupt(*_):
    raise KeyboardInterrupt


def end(main):
    """Runs `main` to an exit code: 2 for what was asked wrongly or is missing, 5 for files, 130 where it is stopped."""
    # Raised in the main thread, so that `subprocess.run` kills what it waits for and temporary folders go.
    signal.signal(signal.SIGTERM, interrupt)
    try:
        main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except subprocess.CalledProcessError as error:
        told = [line for line in (error.stderr or "").splitlines() if line.strip()] or [f"exit code {error.returncode}"]
        print(f"{os.path.basename(str(error.cmd[0]))}: {told[-1]}", file=sys.stderr)
        sys.exit(2)
    except (OSError, ValueError, KeyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(5 if isinstance(error, OSError) else 2)
