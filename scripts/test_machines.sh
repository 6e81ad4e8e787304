#!/usr/bin/env bash
# Three peers of another machine's program, under qemu: the leader is killed and started again, and all hold the same rows, as the
# programs of both machines say. Then a group of both machines with --quorum 2. PASS or FAIL. Needs qemu-user, and what
# `scripts/package.sh arm64 armhf` leaves in target/packages/.
#
#   scripts/test_machines.sh        of arm64 and armhf
source "$(dirname "$0")/common.sh"
source scripts/groups.sh

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
    printf '#!/bin/sh\nexec "%s" -L "%s" "%s" "$@"\n' "$emulator" "$root" "$PEER.program" > "$PEER"
    chmod +x "$PEER"
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
