#!/usr/bin/env bash
# The demo: a leader is killed and shown as dead, the others go on; what is wrong is said once. On a terminal (driven by
# python3, where there is one): hung and dead peers, starting them again, narrow and wide. Prints PASS or FAIL.
source "$(dirname "$0")/common.sh"

build
demo=scripts/run_three_peers.sh
out=$(mktemp)
running=
end_demo() {
    if [ -n "$running" ]; then kill "$running" 2>/dev/null || true; wait "$running" 2>/dev/null || true; fi
    rm -f "$out"
    stop_all
}
trap end_demo EXIT

options=(--heartbeat-interval 200ms --heartbeat-timeout 1s --election-timeout 300ms --sensor-interval-seconds 0.5)
TERM=dumb SECONDS_TO_RUN=90 $demo "${options[@]}" >"$out" 2>&1 &
running=$!
said() { grep -qE "$1" "$out"; }
wait_for 30 "no peer leads a group of three" said ' leads \[peer1, peer2, peer3\]|view \[peer1, peer2, peer3\]'
wait_for 10 "the leader is not shown" said '\) leads, '
status=0
other=$($demo 2>&1) || status=$?
[ "$status" = 1 ] && echo "$other" | grep -q "run already (process $running)" || fail "a second start is not refused: $other"
leader=$(grep -oE '[0-9]+\) leads' "$out" | tail -n 1 | tr -dc 0-9)
kill -9 "$leader"
wait_for 30 "nobody takes over" said 'took over after [0-9]+ ms'
wait_for 10 "the dead one is not shown" said "\\($leader\\) dead, [0-9:]{8}"
kill -TERM "$running"
wait "$running" || fail "the demo ends with status $?"
running=
said 'peer1 holds [0-9]+ readings' || fail "the readings are not told in the end"
echo "plain: a killed leader is replaced, a second start is refused"

for wrong in "--port x" "--heartbeat-timeout 1s" "--nonsense"; do
    status=0
    # shellcheck disable=SC2086
    $demo $wrong >"$out" 2>&1 || status=$?
    [ "$status" = 2 ] || fail "$wrong ends with status $status"
    [ "$(grep -c '^error' "$out")" = 1 ] || fail "$wrong is not told in one line: $(cat "$out")"
done
[ "$($demo --help | grep -c '^Usage')" = 1 ] || fail "--help shows no help"
echo "a wrong option is one line and status 2"

if command -v python3 >/dev/null 2>&1; then
    python3 scripts/drive_demo.py "${options[@]}" || fail "on a terminal"
else
    echo "SKIPPED: the demo on a terminal: there is no python3"
fi
pass "the demo shows what happens to its peers"
