#!/usr/bin/env bash
# Four peers; finds the leader and kills it; the highest remaining id leads. Prints PASS or FAIL.
source "$(dirname "$0")/common.sh"

build
ids=(peer1 peer2 peer3 peer4)
clear_peers peer1 peer2 peer3 peer4
declare -A pid
for id in "${ids[@]}"; do
    start "$id" --sensor-interval-seconds 0.2 --election-timeout 1s "$@"
    pid[$id]=$STARTED
done
wait_for_group "${ids[@]}"

leaders=()
for id in "${ids[@]}"; do
    if leads "$id"; then leaders+=("$id"); fi
done
[ "${#leaders[@]}" = 1 ] || fail "there are ${#leaders[@]} leaders: ${leaders[*]}"
leader=${leaders[0]}
echo "Leader is $leader; killing it"
kill -9 "${pid[$leader]}"
wait "${pid[$leader]}" 2>/dev/null || true

rest=()
for id in "${ids[@]}"; do
    [ "$id" = "$leader" ] || rest+=("$id")
done
highest=${rest[2]}
view="[${rest[0]}, ${rest[1]}, ${rest[2]}]"
for id in "${rest[@]}"; do
    wait_for 10 "$id does not see $view" sees "$id" "$view"
done
leads "$highest" || fail "$highest does not lead"
grep -qF "Peer $highest became the Group Leader via election." "logs/${highest}_log.txt" ||
    fail "$highest does not say that it was elected"
pass "$leader was killed; $highest leads $view"
