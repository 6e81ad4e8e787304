#!/usr/bin/env bash
# Starts peer1, peer2 and peer3 on loopback and shows, live, who leads and how many readings each holds, until Ctrl-C.
# Logs go to logs/peerN_log.txt, data to data/peerN/. Further options go to every peer:
#   scripts/run_three_peers.sh --sensor-interval-seconds 1
# SECONDS_TO_RUN=20 ends it by itself after 20 seconds.
source "$(dirname "$0")/common.sh"

stopping=
trap 'stopping=1' INT TERM
echo "Building (the first time takes some minutes) …"
build
[ -z "$stopping" ] || exit 0
ids=(peer1 peer2 peer3)
rm -f logs/peer{1,2,3}_log.txt
for id in "${ids[@]}"; do
    start "$id" "$@"
done
echo "Logs: logs/peerN_log.txt   Data: data/peerN/*.csv   Ctrl-C ends all three"

# What one peer says of itself.
role() {
    if ! grep -q "Is Group Leader:" "logs/$1_log.txt" 2>/dev/null; then
        echo "looks for a group"
    elif leads "$1"; then
        echo "leads $(last_view "$1")"
    else
        echo "member"
    fi
}
summary() {
    local id held
    for id in "${ids[@]}"; do
        held=0
        # Before that, the files are those of the run before.
        if grep -q "Listening on" "logs/${id}_log.txt" 2>/dev/null; then
            held=$(rows "$id")
        fi
        printf '%s: %6d readings, %s\n' "$id" "$held" "$(role "$id")"
    done
}
ended() {
    local pid
    for pid in "${PIDS[@]}"; do
        kill -0 "$pid" 2>/dev/null || return 0
    done
    return 1
}
begun=$SECONDS
shown=
while [ -z "$stopping" ]; do
    if ended && [ -z "$stopping" ]; then
        echo "A peer ended:"
        tail -qn 1 logs/peer{1,2,3}_log.txt
        exit 1
    fi
    if [ -n "${SECONDS_TO_RUN:-}" ] && [ $((SECONDS - begun)) -ge "$SECONDS_TO_RUN" ]; then
        break
    fi
    now=$(summary) || continue
    if [ "$now" != "$shown" ]; then
        # On a terminal the three lines stay where they are.
        if [ -t 1 ] && [ -n "$shown" ]; then
            printf '\033[3A\033[J'
        fi
        echo "$now"
        shown=$now
    fi
    sleep 0.5 || true
done
echo "Stopping …"
stop_all
for id in "${ids[@]}"; do
    printf '%s holds %d readings\n' "$id" "$(rows "$id")"
done
