#!/usr/bin/env bash
# Try the project in a real Blender: tools/test_blender.sh trixie|sid
# The extension is built, checked, installed and enabled; then headless/generate.py does its main job. Trixie's Blender
# runs in Debian's own Python, which has torch: there headless/train.py takes a step as well, its worker a Blender too.
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
if [ "$suite" = trixie ]; then
    # The chroot may not trust this machine's package registry: what else training needs is fetched from out here.
    # torch itself is Debian's, so whatever asks for it comes without what it asks for.
    fetch() {
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --upgrade \
            --python-version 3.13 --only-binary=:all: --target "$out/packages" "$@"
    }
    fetch "$(.venv/bin/python tools/requirement.py transformers)" "$(.venv/bin/python tools/requirement.py tensorboard)"
    fetch --no-deps "$(.venv/bin/python tools/requirement.py accelerate)"
    in_blender env PYTHONPATH="/metaspatial/$out/packages" blender -b --factory-startup --python-use-system-env \
        --python-exit-code 1 -P headless/train.py -- --config headless/configs/tiny.toml --run "$out/run" --workers 1 \
        --set steps=1 --set rollout.tasks_per_step=1 --set rollout.num_generations=2 --set gallery_every=0
    [ -s "$out/run/checkpoint-000001/model.safetensors" ] || { echo "train.py wrote no checkpoint" >&2; exit 1; }
fi
echo "generate.py works in $(in_blender blender --version | head -n 1)"
