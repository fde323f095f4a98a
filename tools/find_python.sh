#!/bin/sh
# Print the path of a Python that works and is one of the versions given: tools/find_python.sh 3.11 3.13
# $PYTHON, where set, is the only one looked at. Otherwise: python3.X and python3 on PATH, then pyenv's. A pyenv shim may
# stand on PATH for a version that is not active, so each candidate is run before it is believed.
set -u

wanted=$*
found=

look_at() {
    about=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null) || return 1
    version=${about%% *}
    path=${about#* }
    for want in $wanted; do
        if [ "$version" = "$want" ]; then
            "$path" -c 'import venv; from ensurepip import version' 2>/dev/null && echo "$path" && exit 0
            echo "$path is Python $version, but cannot make a virtual environment. On Debian or Ubuntu:" \
                "apt-get install python$version-venv" >&2
            exit 1
        fi
    done
    found="$found $1 ($version)"
}

if [ -n "${PYTHON:-}" ]; then
    look_at "$PYTHON" || found=" $PYTHON (does not run)"
else
    for want in $wanted; do
        for candidate in "python$want" python3 "${PYENV_ROOT:-$HOME/.pyenv}/versions/$want".*/bin/"python$want"; do
            look_at "$candidate"
        done
    done
fi

either=$(echo "$wanted" | sed 's/ / or /g')
echo "MetaSpatial needs Python $either here: bpy, which is Blender as a Python module, is built for 3.11 (up to Blender 5.0)" \
    "and 3.13 (5.1 and 5.2) alone. Found:${found:- none}." >&2
echo "Install one (Debian 12: apt-get install python3.11-venv; Debian 13: python3.13-venv; elsewhere: pyenv install" \
    "${wanted%% *}) and, if it is not on PATH, name it: make PYTHON=/path/to/python${wanted%% *}" >&2
exit 1
