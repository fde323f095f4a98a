#!/usr/bin/env bash
# A real Blender in a folder: Debian's own, installed by debootstrap under $METASPATIAL_CACHE/chroots.
#
#   tools/chroot.sh make SUITE            build it where it is missing (trixie: Blender 4.3; sid: today's newest)
#   tools/chroot.sh run SUITE COMMAND …   run a command in it, started in this checkout (mounted at /metaspatial)
#
# Exits 77, with the reason as its last line, where such a Blender cannot be had on this machine or today.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${METASPATIAL_CACHE:-$HOME/.cache/metaspatial}/chroots
mirror=http://deb.debian.org/debian
packages="blender xvfb libgl1-mesa-dri libegl1 libegl-mesa0 xdotool imagemagick python3-numpy"

say() { printf '%s\n' "$*" >&2; }
skip() { say "$*"; exit 77; }

# Everything mounted for a chroot lives in a mount namespace of its own, so that it vanishes with the process and
# nobody ever deletes a folder that has /dev in it.
in_namespace() {
    unshare --mount --propagation private "$@"
}

can_chroot() {
    [ "$(id -u)" = 0 ] || skip "a chroot needs root"
    in_namespace true 2>/dev/null || skip "this machine does not allow mounts of its own (unshare --mount)"
}

mount_system='for d in proc dev sys; do mount --rbind "/$d" "$root/$d"; done; mount -t tmpfs tmpfs "$root/tmp"'

build() {
    local suite=$1 root=$cache/$1
    # Its add-on for extensions imports these, and Debian's package does not ask for them.
    [ "$suite" = sid ] && packages="$packages python3-cattr python3-requests"
    [ "$suite" = trixie ] && packages="$packages python3-torch"
    can_chroot
    mkdir -p "$cache" || exit 1
    # A second make waits here for the first one, then finds its work done.
    exec 9>"$cache/$suite.lock"
    flock 9
    # The mark of a finished one says what is in it: one made by an older list is made again.
    [ "$(cat "$root/.finished" 2>/dev/null)" = "$packages" ] && return 0
    if ! command -v debootstrap >/dev/null; then
        command -v apt-get >/dev/null || skip "debootstrap is missing, and there is no apt-get to install it with"
        (apt-get update -qq && apt-get install -y -qq debootstrap) >&2 || skip "apt-get could not install debootstrap"
    fi
    if [ -e "$root" ]; then
        if findmnt --raw --noheadings --output TARGET | grep -q "^$root/"; then
            say "$root is to be made again, and something is still mounted in it: unmount that first"
            return 1
        fi
        say "$root is half-made or out of date: starting again"
        rm -rf --one-file-system "$root"
    fi
    say "building $root (about 2 minutes, 2 GB); its log is $root.log"
    root=$root suite=$suite mirror=$mirror packages=$packages mount_system=$mount_system \
        in_namespace bash -euo pipefail -c '
            debootstrap --variant=minbase "$suite" "$root" "$mirror"
            cp --remove-destination --dereference /etc/resolv.conf "$root/etc/resolv.conf"
            printf "#!/bin/sh\nexit 101\n" > "$root/usr/sbin/policy-rc.d"  # no service is started in here
            chmod +x "$root/usr/sbin/policy-rc.d"
            echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/unsafe-io"   # no fsync: a broken build starts again
            # A mirror that stands still (a proxy, a snapshot) serves lists older than their date of expiry; they are
            # signed all the same.
            echo "Acquire::Check-Valid-Until \"false\";" > "$root/etc/apt/apt.conf.d/90old-mirror"
            ln -sf ../proc/self/mounts "$root/etc/mtab"                    # Blender warns where it finds none
            eval "$mount_system"
            export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
            chroot "$root" apt-get update
            chroot "$root" apt-get install -y --no-install-recommends $packages
            chroot "$root" apt-get clean
            mkdir -p "$root/metaspatial"
            chroot "$root" blender --version
        ' >"$root.log" 2>&1 </dev/null || { tail -n 5 "$root.log" >&2; return 1; }
    printf '%s\n' "$packages" > "$root/.finished"
}

run() {
    local suite=$1
    shift
    can_chroot
    root=$cache/$suite checkout=$checkout mount_system=$mount_system in_namespace bash -euo pipefail -c '
        eval "$mount_system"
        mount --bind "$checkout" "$root/metaspatial"
        exec chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp LC_ALL=C.UTF-8 \
            sh -c "cd /metaspatial && exec \"\$@\"" sh "$@"' bash "$@"
}

case "${1:-} ${2:-}" in
"make trixie") build trixie ;;
# Sid moves: on some days it cannot be installed.
"make sid") build sid || skip "Debian sid cannot be installed today: $(grep -m 1 '^E:' "$cache/sid.log" || tail -n 1 "$cache/sid.log")" ;;
"run trixie" | "run sid")
    shift
    run "$@"
    ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
