#!/usr/bin/env bash
# scripts/soak.sh [SECONDS]: three peers on loopback are fed some 2,000 readings a second in all, for an hour unless told
# otherwise, with a fault every ten seconds: kill -9, SIGTERM, SIGSTOP for a while. One of the three is only ever stopped, so
# that its life lasts. In the end `peer verify` has to agree, every reading has to be there once but what was on its way into
# a peer that ended, and memory, descriptors and threads may not have grown after the first quarter. Prints the seed
# (PEER_SEED repeats it), medians of the first and the last quarter of the rest, and PASS or FAIL; samples go to
# target/soak/<time>.csv.
source "$(dirname "$0")/common.sh"

SECONDS_WANTED=${1:-3600}
[[ $SECONDS_WANTED =~ ^[0-9]+$ ]] && ((SECONDS_WANTED >= 480 && SECONDS_WANTED <= 604800)) ||
    { echo "FAIL: $SECONDS_WANTED is no number of seconds from 480 to 604800" >&2; exit 2; }
DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}/soak")
mkdir -p "$DIR"
# As in the units for systemd: what glibc keeps for threads that are gone would look like a leak for an hour.
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
export PEER_SOAK_SECONDS=$SECONDS_WANTED PEER_SOAK_CSV=$DIR/$(date -u +%Y%m%dT%H%M%S).csv

if cargo test --release --quiet --test soak -- --nocapture; then
    pass "soaked for $SECONDS_WANTED s"
else
    echo "FAIL: see above; samples are in $PEER_SOAK_CSV"
    exit 1
fi
