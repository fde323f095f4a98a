#!/usr/bin/env bash
# Write requirements/*.txt anew: every package that `make demo`, `make test` and `make lint` install, with its version and
# the hashes of its files, for all systems and both Pythons. Versions that are locked stay unless named: tools/lock.sh numpy
#
# torch is left out, with what it alone needs: which build of it is right depends on the machine (CPU or CUDA, from PyPI
# or from PyTorch's own index), so that make installs it by its version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v uv >/dev/null || { echo "uv is not installed: pip install uv, in an environment of its own" >&2; exit 1; }
left_out=$(mktemp)
trap 'rm -f "$left_out"' EXIT
echo torch >"$left_out"
upgrade=()
for package in "$@"; do upgrade+=(--upgrade-package "$package"); done

lock() {
    local name=$1
    shift
    local options=()
    while [ $# -gt 0 ]; do
        case $1 in
            --*) options+=("$1" "$2"); shift ;;
            *) options+=(--extra "$1") ;;
        esac
        shift
    done
    uv pip compile --quiet pyproject.toml "${options[@]}" ${upgrade[@]+"${upgrade[@]}"} --group build --excludes "$left_out" \
        --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command tools/lock.sh \
        --no-emit-package metaspatial --output-file "requirements/$name.txt"
}

# What is in several of the files has one version, since one environment may get them all.
lock demo bpy
lock test bpy train test --constraint requirements/demo.txt
lock lint lint --constraint requirements/demo.txt
