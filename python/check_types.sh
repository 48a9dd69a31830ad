#!/usr/bin/env bash
# Holds the stub to the compiled half, the package to mypy --strict, and its public names to types that are fully known.
#   check_types.sh FOLDER    the bin folder of an environment with the package, mypy and pyright
set -euo pipefail
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
# The package that this Python imports, and not the folder beside this script.
cd "$cache"
export MYPYPATH=${PYTHONPATH:-} PATH=$bin:$PATH
"$bin/python" -m mypy.stubtest microcloud_gym._core --mypy-config-file "$here/mypy.ini"
"$bin/mypy" --config-file "$here/mypy.ini" -p microcloud_gym
# Gymnasium leaves some of its own types open: those count as external. So do the classes of other libraries that the
# adapters inherit from, which are untyped, or not installed.
"$bin/pyright" --verifytypes microcloud_gym --ignoreexternal --outputjson >types.json || true
"$bin/python" - types.json <<'END'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as report:
    symbols = json.load(report)["typeCompleteness"]["symbols"]
own = [one for one in symbols if one["isExported"] and not one["name"].startswith("microcloud_gym.adapters.")]
unknown = [one for one in own if not one["isTypeKnown"] or one["isTypeAmbiguous"]]
for one in unknown:
    print(one["name"], *(found["message"] for found in one["diagnostics"]), sep="\n    ")
print(f"pyright --verifytypes: {len(own) - len(unknown)} of {len(own)} public names have known types")
sys.exit(bool(unknown) or not own)
END
