#!/usr/bin/env bash
# Starts peer1, peer2 and peer3 on loopback and shows, live, who leads and how many readings each holds, until Ctrl-C.
# Logs go to logs/peerN_log.txt, data to data/peerN/. Further options go to every peer:
#   scripts/run_three_peers.sh --sensor-interval-seconds 1
# SECONDS_TO_RUN=20 ends it by itself after 20 seconds.
source "$(dirname "$0")/common.sh"

echo "Building …"
build
ids=(peer1 peer2 peer3)
rm -f logs/peer{1,2,3}_log.txt
for id in "${ids[@]}"; do
    start "$id" "$@"
done
echo "Logs: logs/peerN_log.txt   Data: data/peerN/*.csv   Ctrl-C ends all three"

stopping=
trap 'stopping=1' INT TERM
line() {
    local text="" id role
    for id in "${ids[@]}"; do
        if ! grep -q "Is Group Leader:" "logs/${id}_log.txt" 2>/dev/null; then
            role="looking for a group"
        elif leads "$id"; then
            role="leads $(last_view "$id")"
        else
            role="member"
        fi
        text+="$id: $role, $(rows "$id") readings   "
    done
    echo "$text"
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
    if ended; then
        echo
        echo "A peer ended:"
        tail -qn 1 logs/peer{1,2,3}_log.txt
        exit 1
    fi
    if [ -n "${SECONDS_TO_RUN:-}" ] && [ $((SECONDS - begun)) -ge "$SECONDS_TO_RUN" ]; then
        break
    fi
    now=$(line)
    if [ -t 1 ]; then
        printf '\r\033[K%s' "$now"
    elif [ "$now" != "$shown" ]; then
        echo "$now"
    fi
    shown=$now
    sleep 0.5 || true
done
echo
echo "Stopping …"
stop_all
line_after=$(line)
echo "$line_after"
