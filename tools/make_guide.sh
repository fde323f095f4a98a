#!/usr/bin/env bash
# The pictures of docs/guide.md and the previews in docs/listing, taken anew in the window of Debian sid's Blender: tools/make_guide.sh
# Logs and whole screens are kept in out/guide.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/chroot.sh make sid
tools/chroot.sh run sid python3 -m tests.gui.guide --out docs --log out/guide </dev/null
