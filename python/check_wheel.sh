#!/usr/bin/env bash
# Checks a wheel that is installed beside gymnasium and numpy alone: its size, its tag, and that it plays.
#   check_wheel.sh WHEEL PYTHON
set -euo pipefail
wheel=$1 python=$2
most=$((20 * 1024 * 1024))
size=$(stat -c %s "$wheel")
[ "$size" -le "$most" ] || { echo "$wheel has $size bytes; allowed: $most" >&2; exit 1; }
case $wheel in *-cp311-abi3-*) ;; *) echo "$wheel is not for every Python from 3.11 on" >&2; exit 1 ;; esac
installed=$("$python" -m pip list --format freeze --disable-pip-version-check | sed 's/==.*//' | tr 'A-Z_' 'a-z-' | grep -vx -e pip -e setuptools | LC_ALL=C sort | xargs)
expected="cloudpickle farama-notifications gymnasium microcloud-gym numpy typing-extensions"
[ "$installed" = "$expected" ] || { echo "installed: $installed; allowed: $expected" >&2; exit 1; }
cd /
"$python" - <<'END'
import gymnasium
import microcloud_gym

for name in [summary.name for summary in microcloud_gym.scenarios()]:
    environment = microcloud_gym.Env(scenario=name)
    _, info = environment.reset(seed=1)
    environment.step(environment.action_space.sample(info["action_mask"]))
END
echo "wheel: $size bytes, abi3 for 3.11 and later, nothing beside it but gymnasium and numpy"
