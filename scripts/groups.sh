# Shared by the scripts that run groups of other machines' programs: `use MACHINE` of the script says what is started from then
# on, OPTIONS what all peers are given. Sourced after common.sh, not run.

declare -A pid
begin() {
    start "$1" --resume --sensor-interval-seconds 0.2 "${OPTIONS[@]}"
    pid[$1]=$STARTED
}

end() {
    kill -9 "${pid[$1]}"
    wait "${pid[$1]}" 2> /dev/null || true
}

leader() {
    local id
    for id in "$@"; do
        if leads "$id"; then echo "$id"; fi
    done
}

more_rows() { [ "$(rows "$1")" -gt "$2" ]; }

# Kills the leader, and waits for rows of those that are left; starts it again, with the program of this machine.
survive() {
    local machine=$1 old had id rest=()
    shift
    old=$(leader "$@")
    for id in "$@"; do [ "$id" = "$old" ] || rest+=("$id"); done
    echo "$old leads, and is killed"
    end "$old"
    wait_for_group "${rest[@]}"
    had=$(rows "${rest[0]}")
    wait_for 60 "no rows after the death of $old" more_rows "${rest[0]}" "$had"
    use "$machine"
    begin "$old"
    wait_for_group "$@"
    had=$(rows "$old")
    wait_for 60 "no rows at $old, which is back" more_rows "$old" "$had"
}

fresh() { clear_peers peer1 peer2 peer3; }
