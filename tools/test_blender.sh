#!/usr/bin/env bash
# Try the project in a real Blender: tools/test_blender.sh trixie|sid
# The extension is built, checked, installed and enabled; then headless/generate.py does its main job.
# Where that Blender cannot be had the try is skipped, and the reason said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=$1
out=out/blender-$suite

mkdir -p out
status=0
tools/chroot.sh make "$suite" 2>&1 | tee "$out.log" || status=$?
if [ "$status" = 77 ]; then
    echo "SKIPPED generate.py in a real Blender of Debian $suite: $(tail -n 1 "$out.log")"
    exit 0
elif [ "$status" != 0 ]; then
    exit "$status"
fi

rm -rf "$out"
mkdir -p "$out"
in_blender() { tools/chroot.sh run "$suite" "$@" </dev/null; }

in_blender blender --version | head -n 1
in_blender sh -euc '
    blender --command extension build --source-dir . --output-dir "$1"
    blender --command extension validate "$1"/metaspatial-*.zip
    blender --command extension install-file -r user_default -e "$1"/metaspatial-*.zip
    blender -b --python-exit-code 1 -P tools/check_extension.py' sh "$out"

in_blender blender -b --factory-startup --python-exit-code 1 -P headless/generate.py -- \
    --task assets/tasks/demo.json --policy builtin --turns 1 --seed 7 --out "$out"
for name in layout.json scene.blend; do
    [ -s "$out/$name" ] || { echo "generate.py wrote no $out/$name" >&2; exit 1; }
done
echo "generate.py works in $(in_blender blender --version | head -n 1)"
