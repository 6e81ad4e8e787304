# Shared by the scripts: starts peers on loopback, waits for what their logs say, and ends only what it started.
# Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PIDS=()
# PROFILE=dev takes the program that tests run, which is built in a fraction of the time.
PROFILE=${PROFILE:-release}
PEER=${CARGO_TARGET_DIR:-target}/${PROFILE/#dev/debug}/peer

# Builds the binary that the scripts run. On a terminal it shows the progress, since the first time takes minutes.
build() {
    if [ -t 2 ]; then
        cargo build --profile "$PROFILE"
    else
        cargo build --profile "$PROFILE" --quiet
    fi
}

# Each run has its own UDP port, so that it does not join other peers on this machine by accident.
BROADCAST_PORT=${BROADCAST_PORT:-$((20000 + $$ % 20000))}
export BROADCAST_PORT

# Readings are made up here on purpose, unless an option names another source.
export PEER_SENSOR=${PEER_SENSOR:-mock}

# The file that names the process of the three peers of this checkout.
DEMO_LOCK=logs/demo.pid

# Whether the three peers of this checkout run. Their process is in DEMO.
demo_runs() {
    DEMO=$(cat "$DEMO_LOCK" 2>/dev/null || true)
    [ -n "$DEMO" ] && ps -p "$DEMO" -o args= 2>/dev/null | grep -q run_three_peers
}

# clear_peers <id …>: removes what an earlier run of these peers left, unless the three peers of this checkout run: they have the
# same ids.
clear_peers() {
    local id
    if demo_runs; then
        echo "FAIL: scripts/run_three_peers.sh runs here (process $DEMO); end that first"
        exit 1
    fi
    for id in "$@"; do rm -rf "data/$id" "data/$id".previous* "logs/${id}_log.txt"; done
}

# start <id> [option …]: starts a peer on loopback; its log goes to logs/<id>_log.txt. Its process id is in STARTED.
start() {
    local id=$1
    shift
    mkdir -p logs
    "$PEER" --peer-id "$id" --bind 127.0.0.1 "$@" 2>"logs/${id}_log.txt" &
    STARTED=$!
    PIDS+=("$STARTED")
}

# Ends what was started here, and waits for it.
stop_all() {
    local pid
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        kill "$pid" 2>/dev/null || true
        # A stopped peer hears nothing before it goes on.
        kill -CONT "$pid" 2>/dev/null || true
    done
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        wait "$pid" 2>/dev/null || true
    done
    PIDS=()
}
trap stop_all EXIT

# wait_for <seconds> <what> <command …>: tries the command ten times a second until it succeeds.
wait_for() {
    local tries=$(($1 * 10)) what=$2
    shift 2
    for ((; tries > 0; tries--)); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    fail "$what"
}

# wait_for_group <id …>: waits until these peers are one group, by what each says itself, and their logs show it.
wait_for_group() {
    local dirs=() id said sorted
    for id in "$@"; do dirs+=("data/$id"); done
    said=$("$PEER" status --wait "members=$#,leader" --timeout 30s "${dirs[@]}") || fail "$said"
    sorted=$(printf '%s\n' "$@" | sort | paste -sd, | sed 's/,/, /g')
    # A line is written a moment after its event.
    for id in "$@"; do wait_for 5 "the log of $id does not show [$sorted]" sees "$id" "[$sorted]"; done
}

# leads <id>: does this peer lead the last view in its log?
leads() {
    grep "Is Group Leader:" "logs/$1_log.txt" | tail -n 1 | grep -q "Is Group Leader: True"
}

# last_view <id>: the members of the last view in its log, as "[a, b, c]".
last_view() {
    grep -o "View [^ ]*: \[.*\]" "logs/$1_log.txt" | tail -n 1 | sed 's/^View [^ ]*: //'
}

# sees <id> <members>: is this its last view?
sees() {
    [ "$(last_view "$1")" = "$2" ]
}

# rows <id>: readings that a peer holds.
rows() {
    local files=("data/$1"/*.csv)
    [ -e "${files[0]}" ] || { echo 0; return; }
    cat "${files[@]}" | grep -vc "^sequence," || true
}

fail() {
    echo "FAIL: $1"
    echo "Logs are in logs/; the last lines of each:"
    tail -n 5 logs/peer?_log.txt
    exit 1
}

pass() {
    echo "PASS: $1"
}
