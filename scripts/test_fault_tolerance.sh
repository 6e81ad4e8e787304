#!/usr/bin/env bash
# Three peers; kills one that does not lead; the other two go on in a new view. Prints PASS or FAIL.
source "$(dirname "$0")/common.sh"

build
clear_peers peer1 peer2 peer3
declare -A pid
for id in peer1 peer2 peer3; do
    start "$id" --sensor-interval-seconds 0.2 --election-timeout 1s "$@"
    pid[$id]=$STARTED
done
wait_for_group peer1 peer2 peer3

for id in peer1 peer2 peer3; do
    if leads "$id"; then leader=$id; else victim=$id; fi
done
echo "Leader is $leader; killing $victim"
kill -9 "${pid[$victim]}"
wait "${pid[$victim]}" 2>/dev/null || true

rest=()
for id in peer1 peer2 peer3; do
    [ "$id" = "$victim" ] || rest+=("$id")
done
view="[${rest[0]}, ${rest[1]}]"
for id in "${rest[@]}"; do
    wait_for 10 "$id does not see $view" sees "$id" "$view"
done
wait_for 5 "$leader does not say that $victim failed" \
    grep -qF "Peer $victim failed, updated group: $view" "logs/${leader}_log.txt"
leads "$leader" || fail "$leader does not lead any more"

before=$(rows "${rest[0]}")
more() { [ "$(rows "${rest[0]}")" -gt "$before" ] && [ "$(rows "${rest[1]}")" -gt "$before" ]; }
wait_for 10 "no readings after $victim was killed" more
pass "$victim was killed; ${rest[*]} go on as $view"
