#!/bin/sh
# Make a virtual environment unless it is there: tools/make_venv.sh FOLDER VERSION …
set -eu

folder=$1
shift
python=$("$(dirname "$0")/find_python.sh" "$@")
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

if [ -x "$folder/bin/python" ]; then
    have=$(version_of "$folder/bin/python")
    if [ -n "${PYTHON:-}" ] && [ "$have" != "$(version_of "$python")" ]; then
        echo "$folder was made with Python $have, and PYTHON=$PYTHON is another: remove $folder to change over" >&2
        exit 1
    fi
else
    echo "making $folder with $python"
    "$python" -m venv "$folder" || { rm -rf "$folder"; exit 1; }
fi
