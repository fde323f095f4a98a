#!/usr/bin/env bash
# Drive the add-on in the window of a real Blender, as a person does: tools/test_gui.sh trixie|sid [SCENARIO …]
# Pictures and logs are kept in out/gui-SUITE. Where that Blender cannot be had the try is skipped, and the reason said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=$1
shift
out=out/gui-$suite

mkdir -p "$out"
status=0
tools/chroot.sh make "$suite" 2>&1 | tee "$out/chroot.log" || status=$?
if [ "$status" = 77 ]; then
    echo "SKIPPED the add-on in a window of Debian $suite's Blender: $(tail -n 1 "$out/chroot.log")"
    exit 0
elif [ "$status" != 0 ]; then
    exit "$status"
fi

# The model server runs out here, where torch is; the chroot has the same network.
.venv/bin/python -m tests.gui.with_server \
    tools/chroot.sh run "$suite" python3 -m tests.gui.run --out "$out" "$@" </dev/null
