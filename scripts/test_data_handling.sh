#!/usr/bin/env bash
# Clears what peer1 to peer3 left; three peers; every peer holds every sensor's CSV with equal rows. Prints PASS or FAIL.
source "$(dirname "$0")/common.sh"

build
ids=(peer1 peer2 peer3)
clear_peers "${ids[@]}"
for id in "${ids[@]}"; do
    start "$id" --sensor-interval-seconds 0.1 --election-timeout 1s "$@"
done
wait_for_group "${ids[@]}"
enough() { [ "$(rows peer1)" -ge 60 ] && [ "$(rows peer2)" -ge 60 ] && [ "$(rows peer3)" -ge 60 ]; }
wait_for 20 "fewer than 60 readings after 20 s" enough

# Rows go on coming: the files of each sensor are compared up to the shortest.
for sensor in "${ids[@]}"; do
    lines=
    for id in "${ids[@]}"; do
        file=data/$id/$sensor.csv
        [ -f "$file" ] || fail "$file is missing"
        [ "$(head -n 1 "$file")" = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa" ] ||
            fail "$file has another header"
        count=$(wc -l <"$file")
        if [ -z "$lines" ] || [ "$count" -lt "$lines" ]; then lines=$count; fi
    done
    [ "$lines" -gt 1 ] || fail "no rows of $sensor"
    sums=$(for id in "${ids[@]}"; do head -n "$lines" "data/$id/$sensor.csv" | cksum; done | sort -u | wc -l)
    [ "$sums" = 1 ] || fail "the peers' rows of $sensor differ"
    echo "$sensor: $((lines - 1)) equal rows at each peer"
done

# Over all files of a peer, sequences are 1, 2, 3 … without gaps: stop them and look.
stop_all
for id in "${ids[@]}"; do
    cat "data/$id"/*.csv | grep -v "^sequence," | cut -d, -f1 | sort -n |
        awk '$1 != NR { exit 1 }' || fail "the sequences of $id have gaps or come twice"
done
pass "every peer holds every sensor's readings, equal and without gaps"
