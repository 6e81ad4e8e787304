#!/usr/bin/env bash
# All that CI checks. Writes nothing but target/, data/ and logs/. SEEDS=n says how many simulated runs of each mode (500),
# FIRST=n which is the first: another one for every state of the tree, and the same one for the same state. So is what is
# checked in turn: one of the other systems, beside the tests, or bridges before real servers. SYSTEM="windows macos" names
# systems (scripts/check_systems.sh), SYSTEM=bridges the latter.
set -euo pipefail
cd "$(dirname "$0")/.."

# What `nohup` starts ignores hangups, and what a shell starts in the background ignores SIGINT. The peers of tests that send these
# would ignore them, too.
if [ -z "${SIGNALS:-}" ] && env --default-signal=HUP,INT,QUIT true 2> /dev/null; then
    SIGNALS=default exec env --default-signal=HUP,INT,QUIT scripts/check.sh
fi

SEEDS=${SEEDS:-500}
FIRST=${FIRST:-$((16#$(git rev-parse --short=8 'HEAD^{tree}' 2>/dev/null || echo 1) * SEEDS))}
TARGET=${CARGO_TARGET_DIR:-target}
in_turn=(linux windows macos freebsd bridges)
SYSTEM=${SYSTEM:-${in_turn[FIRST / SEEDS % 5]}}

step() {
    local begun=$SECONDS
    echo "== $*"
    if ! "$@"; then
        echo "FAIL: repeat with: $*"
        exit 1
    fi
    echo "   ($((SECONDS - begun)) s)"
}

# beside NAME COMMAND...: a step in what the tests leave of the processors: those of real processes mostly wait.
declare -A RUNS=() REPEAT=()
beside() {
    local name=$1
    shift
    set -m
    nice -n 19 "$@" &> "$TARGET/$name.txt" &
    RUNS[$name]=$! REPEAT[$name]=$*
}
trap 'for run in "${RUNS[@]}"; do kill -- "-$run" 2> /dev/null || true; done' EXIT

# end NAME: waits for it.
end() {
    local begun=$SECONDS
    echo "== ${REPEAT[$1]}"
    if ! wait "${RUNS[$1]}"; then
        cat "$TARGET/$1.txt"
        echo "FAIL: repeat with: ${REPEAT[$1]}"
        exit 1
    fi
    sed 's/^/   /' "$TARGET/$1.txt"
    echo "   ($((SECONDS - begun)) s more)"
}

step cargo fmt --check
# With all features; the other systems are checked with those that a build has by itself.
step cargo clippy --all-targets --features sqlite,parquet,bridge-influx,bridge-mqtt,bridge-nats --quiet -- -D warnings
# Packages of their own, which share what they are built of.
for part in fuzz packaging/manual benches; do
    step cargo fmt --check --manifest-path "$part/Cargo.toml"
    step cargo clippy --locked --quiet --all-targets --manifest-path "$part/Cargo.toml" --target-dir "$TARGET/fuzz" -- -D warnings
done
step env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --quiet
# All is built before the clock of any test runs.
step cargo test --quiet --no-run
# shellcheck disable=SC2086 — several are several arguments
[ "$SYSTEM" = bridges ] || beside systems scripts/check_systems.sh $SYSTEM
beside seeds env PEER_SIM_FIRST="$FIRST" PEER_SIM_SEEDS="$SEEDS" cargo test --quiet --test simulation groups_keep -- --nocapture
# More tests of real processes at a time than there are cores. Simulated groups are few here: many run beside.
step env RUST_TEST_THREADS=5 PEER_HOSTS_SECONDS=40 PEER_CHAOS_SECONDS=40 PEER_CUTS=30 PEER_SIM_SEEDS=20 PEER_SIM_SPLITS=12 cargo test --quiet
end seeds
if [ "$SYSTEM" = bridges ]; then
    step cargo test --quiet --lib --features bridge-influx,bridge-mqtt,bridge-nats bridge::
    step cargo test --quiet --test bridges --features bridge-influx,bridge-mqtt,bridge-nats
else
    end systems
fi
# The program that tests run: to build another one takes minutes.
export PROFILE=dev
for script in test_fault_tolerance test_leader_election test_data_handling test_three_peers; do
    step "scripts/$script.sh"
done
step env SECONDS_TO_RUN=12 scripts/run_three_peers.sh --sensor-interval-seconds 1
echo "PASS: all checks"
