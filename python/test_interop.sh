#!/usr/bin/env bash
# Tests the adapters and examples with the libraries they are for, torch and ray among them, and writes the results to
# docs/interop.md. The first run downloads some gigabytes.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "Python 3.11 or 3.12 is needed; set PYTHON" >&2; exit 2; }
root=$(cd .. && pwd)
venv=$root/.venv/interop
wheels=$root/target/wheels-interop
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
install() { "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
install -r requirements/interop.txt

# PufferLib 3.0.0 wants gymnasium 0.29 and numpy 1 for environments that it brings along, which are not needed here: hence
# no dependencies. Its setup.py downloads libraries for those environments unless NO_OCEAN is set, and then asks for a
# variable that it has not defined, which the line in the .pth file does.
if ! "$venv/bin/python" -c 'import importlib.metadata as m; m.version("pufferlib")' 2>/dev/null; then
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo 'import builtins; builtins.c_extension_paths = []' >"$site/pufferlib_setup.pth"
  NO_OCEAN=1 NO_TRAIN=1 install --no-deps --no-build-isolation gym==0.23.1 gym-notices==0.1.0 pufferlib==3.0.0 ||
    echo "PufferLib does not install here; its tests are skipped" >&2
  rm "$site/pufferlib_setup.pth"
fi

rm -rf "$wheels"
"$venv/bin/maturin" build --quiet --locked --out "$wheels"
install --force-reinstall --no-deps "$wheels"/*.whl

# From a folder of their own, in which PufferLib leaves a link; it is the installed package that the tests import.
tests=$PWD/tests
cd "$(mktemp -d)"
"$venv/bin/pytest" -c "$tests/../pyproject.toml" --rootdir "$tests/.." --interop-table "$root/docs/interop.md" "$@" \
  "$tests/interop" "$tests/test_adapters.py"
