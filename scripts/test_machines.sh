#!/usr/bin/env bash
# Three peers of another machine's program, under qemu: the leader is killed and started again, and all hold the same rows, as the
# programs of both machines say. Then a group of both machines with --quorum 2. PASS or FAIL. Needs qemu-user, and what
# `scripts/package.sh arm64 armhf` leaves in target/packages/.
#
#   scripts/test_machines.sh        of arm64 and armhf
source "$(dirname "$0")/common.sh"

work=$(mktemp -d)
trap 'stop_all; rm -rf "$work"' EXIT
packages=$(realpath "${CARGO_TARGET_DIR:-target}")/packages
declare -A QEMU=([arm64]=aarch64 [armhf]=arm)

# The programs of packages are for a C library, which comes with the standard library that they are built with.
root=$(STD="${!QEMU[*]}" scripts/rust_1_85.sh printenv RUST_ROOT)

# use MACHINE: what is started from now on is its program.
use() {
    local machine=$1 emulator
    PEER=$work/peer-$machine
    [ ! -x "$PEER" ] || return 0
    emulator=$(command -v "qemu-${QEMU[$machine]}-static" "qemu-${QEMU[$machine]}" | head -n 1) || fail "qemu-user is missing"
    dpkg-deb --fsys-tarfile "$packages"/peer_*_"$machine".deb | tar -C "$work" -xf - ./usr/bin/peer
    mv "$work/usr/bin/peer" "$PEER.program"
    printf '#!/bin/sh\nexec %s -L %s %s "$@"\n' "$emulator" "$root" "$PEER.program" > "$PEER"
    chmod +x "$PEER"
}

declare -A pid
begin() {
    start "$1" --resume --sensor-interval-seconds 0.2 "${OPTIONS[@]}"
    pid[$1]=$STARTED
}

end() {
    kill -9 "${pid[$1]}"
    wait "${pid[$1]}" 2> /dev/null || true
}

leader() {
    local id
    for id in "$@"; do
        if leads "$id"; then echo "$id"; fi
    done
}

more_rows() { [ "$(rows "$1")" -gt "$2" ]; }

# Kills the leader, and waits for rows of those that are left; starts it again, with the program of this machine.
survive() {
    local machine=$1 old had id rest=()
    shift
    old=$(leader "$@")
    for id in "$@"; do [ "$id" = "$old" ] || rest+=("$id"); done
    echo "$old leads, and is killed"
    end "$old"
    wait_for_group "${rest[@]}"
    had=$(rows "${rest[0]}")
    wait_for 60 "no rows after the death of $old" more_rows "${rest[0]}" "$had"
    use "$machine"
    begin "$old"
    wait_for_group "$@"
    had=$(rows "$old")
    wait_for 60 "no rows at $old, which is back" more_rows "$old" "$had"
}

# What programs of both machines say of the files.
compare() {
    stop_all
    local machine
    for machine in "${!QEMU[@]}"; do
        use "$machine"
        "$PEER" verify "$@" | tail -n 1 || fail "verify by $machine"
    done
}

fresh() { rm -rf data/peer{1,2,3} logs/peer{1,2,3}_log.txt; }

for machine in "${!QEMU[@]}"; do
    echo "== three peers of $machine"
    fresh
    OPTIONS=()
    use "$machine"
    for id in peer1 peer2 peer3; do begin "$id"; done
    wait_for_group peer1 peer2 peer3
    survive "$machine" peer1 peer2 peer3
    compare data/peer1 data/peer2 data/peer3
done

echo "== both, with a quorum"
fresh
OPTIONS=(--quorum 2)
declare -A of=([peer1]=arm64 [peer2]=armhf [peer3]=arm64)
for id in peer1 peer2 peer3; do
    use "${of[$id]}"
    begin "$id"
done
wait_for_group peer1 peer2 peer3
survive "${of[$(leader peer1 peer2 peer3)]}" peer1 peer2 peer3
compare data/peer1 data/peer2 data/peer3
pass "arm64 and armhf, alone and together"
