#!/usr/bin/env bash
# Run every test that may touch Blender (no torch here) on one version of bpy: tools/test_bpy.sh BPY_VERSION PYTHON_VERSION
# Its environment is .venv-X.Y. Without that Python the tests are skipped, and the reason said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bpy=$1 version=$2
venv=.venv-${bpy%.*}
# PYTHON names the Python of .venv, which is not always this one.
unset PYTHON

if ! reason=$(tools/find_python.sh "$version" 2>&1 >/dev/null); then
    echo "SKIPPED tests on bpy $bpy: ${reason%%$'\n'*}"
    exit 0
fi
tools/make_venv.sh "$venv" "$version"
if [ ! -e "$venv/.test" ] || [ pyproject.toml -nt "$venv/.test" ]; then
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet "bpy==$bpy" --editable ".[test-blender]"
    touch "$venv/.test"
fi
"$venv/bin/python" tools/check_bpy.py
"$venv/bin/python" -m pytest -n auto --dist loadfile -m "not slow" --ignore tests/prompts --ignore tests/scoring --ignore tests/policy
