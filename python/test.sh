#!/usr/bin/env bash
# Builds the wheel and passes every Python test that needs neither torch nor ray, under both ends of gymnasium's versions.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "Python 3.11 or 3.12 is needed; set PYTHON" >&2; exit 2; }
root=$(cd .. && pwd)
wheels=$root/target/wheels
rm -rf "$wheels"

# An environment by its name, with these requirements.
environment() {
  [ -x "$root/.venv/$1/bin/python" ] || "$python" -m venv "$root/.venv/$1"
  "$root/.venv/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

environment test -r requirements/test.txt
"$root/.venv/test/bin/maturin" build --quiet --locked --out "$wheels"
"$root/.venv/test/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl

# Nothing but gymnasium and numpy beside it.
rm -rf "$root/.venv/empty"
environment empty "$wheels"/*.whl
./check_wheel.sh "$wheels"/*.whl "$root/.venv/empty/bin/python"

# The tests run from their own folder, so that it is the installed package that they import.
cd tests
"$root/.venv/test/bin/pytest" -c ../pyproject.toml --rootdir .. "$@" .
environment oldest -r ../requirements/oldest.txt
"$root/.venv/oldest/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl
"$root/.venv/oldest/bin/pytest" -c ../pyproject.toml --rootdir .. test_conformance.py test_vector.py
../check_types.sh "$root/.venv/test/bin"
