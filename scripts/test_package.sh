#!/usr/bin/env bash
# Tries the Debian package as a user has it: installs, upgrades, removes and purges it where systemd runs, in namespaces and a
# root directory of its own, in memory; lintian finds nothing. PASS or FAIL. Needs root, debootstrap, lintian, unshare.
#
#   scripts/test_package.sh [PACKAGE.deb]       of this machine; from target/packages/ unless it is said
#
# The root directory is made of Debian 12 once, into target/chroot.tar.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
image=$target/chroot.tar work=$(mktemp -d) box=""
deb=$(realpath "${1:-$(echo "$target"/packages/peer_*_"$(dpkg --print-architecture)".deb)}")

finish() {
    # The first process of the namespaces takes all others with it.
    [ -z "$box" ] || kill -9 "$box" 2> /dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "FAIL: $*"
    [ ! -s "$work/box" ] || cat "$work/box"
    [ -z "$box" ] || inside journalctl --no-pager -n 60 -u peer -u 'peer@*' || true
    exit 1
}

say() { echo "== $*"; }

make_image() {
    say "debootstrap, once"
    # shellcheck disable=SC2016
    unshare --mount bash -ec 'mount -t tmpfs tmpfs "$1" && debootstrap --variant=minbase \
        --include=systemd,systemd-sysv,dbus,procps,iproute2 bookworm "$1/root" > "$1/log" || { tail -n 5 "$1/log"; exit 1; }
        tar -C "$1/root" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -cf "$2.partial" . && mv "$2.partial" "$2"' \
        - "$work" "$image"
}

# Starts systemd where nothing else sees it: in memory, with processes, network, host name and control groups of its own.
start_box() {
    # shellcheck disable=SC2016
    unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child bash -ec '
        root=$1 image=$2
        mount -t tmpfs tmpfs "$root" -o mode=755
        tar -C "$root" -xf "$image"
        mount -t proc proc "$root/proc"
        # What it sets there would be set for the whole machine.
        mount --bind "$root/proc/sys" "$root/proc/sys"
        mount -o remount,bind,ro "$root/proc/sys"
        mount -t sysfs sysfs "$root/sys" -o ro
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
        mount -t tmpfs tmpfs "$root/run"
        mount -t tmpfs tmpfs "$root/dev" -o mode=755
        for node in null zero full random urandom tty; do
            touch "$root/dev/$node"
            mount --bind "/dev/$node" "$root/dev/$node"
        done
        ln -s pts/ptmx "$root/dev/ptmx"
        echo box > "$root/etc/hostname"
        touch "$root/.up"
        cd "$root"
        mkdir .old
        pivot_root . .old
        umount --lazy /.old
        rmdir /.old
        export container=other
        exec /lib/systemd/systemd --log-target=null' - "$work" "$image" 2> "$work/box" &
    local outer=$!
    until_true 60 "the box" eval "box=\$(pgrep -P $outer) && [ -e /proc/\$box/root/.up ]"
    until_true 60 "systemd" inside systemctl is-active --quiet multi-user.target
}

inside() { nsenter --target "$box" --mount --pid --net --uts --ipc --cgroup --root --wd -- "$@"; }

# until_true SECONDS WHAT COMMAND...
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what did not come"
        sleep 0.2
    done
}

put() { cp "$1" "/proc/$box/root/root/"; }
setting() { inside sed -i "s|^#\?$1=.*|$1=$2|" /etc/default/peer; }
pid_of() { inside systemctl show --value -p MainPID "$1"; }
status_of() { inside systemctl show --value -p StatusText "$1"; }
rows() { inside sh -c 'cat /var/lib/peer/box/*.csv 2> /dev/null | grep -vc ^sequence' || true; }
has_rows() { [ "$(rows)" -ge "$1" ]; }
says() { status_of "$1" | grep -q "$2"; }
is_another() { [ "$(pid_of "$1")" != "$2" ] && [ "$(pid_of "$1")" != 0 ]; }
verify() { inside runuser -u peer -- peer verify --data-dir /var/lib/peer > "$work/verify" || fail "$(cat "$work/verify")"; }

test_install() {
    say "install"
    put "$deb"
    inside dpkg -i "/root/$(basename "$deb")" > "$work/log" 2>&1 || fail "$(cat "$work/log")"
    inside systemctl is-active --quiet peer || fail "the peer does not run after the installation"
    inside systemctl is-enabled --quiet peer || fail "the peer would not start with the host"
    says peer "^Leads a group of its own" || fail "its status is: $(status_of peer)"
    [ "$(inside stat -c %U:%a /var/lib/peer)" = peer:750 ] || fail "/var/lib/peer is not the user's"
    inside test -d /var/lib/peer/box || fail "the id is not the name of the host"
    [ "$(inside sh -c 'ls -la /proc/'"$(pid_of peer)"'/fd | grep -c socket')" -gt 2 ] || fail "it has no sockets"
}

test_settings() {
    say "settings, reload, several peers"
    setting PEER_SENSOR mock
    setting PEER_SENSOR_INTERVAL_SECONDS 0.1
    inside sh -c 'umask 77; peer key new /etc/peer.key && chown peer /etc/peer.key' > /dev/null
    setting PEER_KEY_FILE /etc/peer.key
    setting PEER_HTTP 0
    inside systemctl restart peer
    inside sh -c 'printf "PEER_SENSOR=none\nPEER_HTTP=\n" > /etc/default/peer-kitchen'
    inside systemctl start peer@kitchen
    until_true 30 "a group of two" says peer@kitchen "^Member of a group of 2 that box leads"
    until_true 30 "rows" has_rows 20
    verify
    local before
    before=$(pid_of peer)
    inside systemctl reload peer
    [ "$(pid_of peer)" = "$before" ] || fail "a reload ended the peer"
    until_true 30 "the key that was read again" eval "[ \$(inside journalctl -u peer _PID=$before | grep -c 'speaks with key') = 2 ]"
    local loud
    loud=$(inside journalctl --no-pager -q -p warning -u peer -u peer@kitchen)
    [ -z "$loud" ] || fail "warnings: $loud"
}

test_watchdog() {
    say "watchdog"
    local before
    inside sh -c 'mkdir -p /run/systemd/system/peer.service.d
        printf "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\nRestartSec=0\n" > /run/systemd/system/peer.service.d/test.conf
        systemctl daemon-reload && systemctl restart peer'
    before=$(pid_of peer)
    inside kill -STOP "$before"
    until_true 60 "a restart of a peer that hangs" is_another peer "$before"
    inside rm /run/systemd/system/peer.service.d/test.conf
    inside systemctl daemon-reload
}

# The same package as a later version.
later_version() {
    dpkg-deb -R "$deb" "$work/later"
    sed -i 's/^Version: .*/&+1/' "$work/later/DEBIAN/control"
    sed -i '$a # A line of the later version.' "$work/later/etc/default/peer"
    dpkg-deb --root-owner-group -Znone --build "$work/later" "$work/later.deb" > /dev/null
}

test_upgrade() {
    say "upgrade"
    local one another had
    one=$(pid_of peer) another=$(pid_of peer@kitchen) had=$(rows)
    later_version
    put "$work/later.deb"
    inside env DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /root/later.deb > "$work/log" 2>&1 || fail "$(cat "$work/log")"
    is_another peer "$one" || fail "the peer was not started again"
    is_another peer@kitchen "$another" || fail "the other peer was not started again"
    inside grep -q '^PEER_SENSOR=mock' /etc/default/peer || fail "the settings are gone"
    until_true 30 "rows after the earlier ones" has_rows $((had + 10))
    until_true 30 "one group" says peer "of 2"
    verify
}

test_removal() {
    say "remove, install again, purge"
    local had
    inside systemctl enable --quiet peer@kitchen
    inside dpkg -r peer > /dev/null 2>&1
    inside pgrep -x peer > /dev/null && fail "a peer runs on"
    had=$(rows)
    [ "$had" -gt 0 ] || fail "removing took the rows"
    inside test -e /etc/default/peer || fail "removing took the settings"
    inside dpkg --force-confold -i /root/later.deb > "$work/log" 2>&1 || fail "$(cat "$work/log")"
    until_true 30 "rows after the earlier ones" has_rows $((had + 10))
    inside systemctl is-active --quiet peer@kitchen || fail "the other peer was enabled, and does not run"
    # As where a disk of its own holds the rows.
    inside mount --bind /var/lib/peer /var/lib/peer
    inside dpkg -P peer > "$work/log" 2>&1 || fail "$(cat "$work/log")"
    inside umount /var/lib/peer
    inside rmdir /var/lib/peer || fail "purging left rows"
    local left
    left=$(inside sh -c 'find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp \) -prune -o -name "*peer*" -print' |
        grep -vE '^/(root/|etc/peer.key|etc/default/peer-kitchen|var/log/|var/lib/systemd/|usr/share/zoneinfo|usr/include)' | grep -E '/peer' || true)
    [ -z "$left" ] || fail "purging left: $left"
    inside id peer > /dev/null || fail "the user is gone, whose number another could get"
}

say "lintian"
# It takes some bytes of the program for misspelt words, others on each machine.
lintian --fail-on error,warning,info --suppress-tags spelling-error-in-binary "$deb" 2> "$work/lintian" || fail "lintian"
[ -e "$image" ] || make_image
start_box
test_install
test_settings
test_watchdog
test_upgrade
test_removal
echo "PASS: $(basename "$deb") installs, upgrades, removes and purges"
