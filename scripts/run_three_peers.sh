#!/usr/bin/env bash
# Starts peer1, peer2 and peer3 on loopback and shows who leads, how many readings each holds, and what happens to the group.
source "$(dirname "$0")/common.sh"

usage() {
    cat <<'TEXT'
Usage: scripts/run_three_peers.sh [PEER OPTION]...

Builds the program, starts peer1, peer2 and peer3 on loopback, and shows what they do until Ctrl-C. Kill one and see:
  kill -9 PID        the others go on, and elect if it led
  kill -STOP PID     the same, for one that hangs; kill -CONT PID lets it go on
  r                  starts the dead ones again, with their rows

Each of them serves a page about the group; the address of one is shown. Logs go to logs/peerN_log.txt, rows to data/peerN/*.csv. Options go to every peer, e.g. --sensor-interval-seconds 0.2;
'target/release/peer --help' lists them. SECONDS_TO_RUN=20 ends it by itself after 20 seconds. Where output is no
terminal, or TERM is dumb, events come as plain lines.
TEXT
}

for option in "$@"; do
    case $option in
    -h | --help)
        usage
        exit 0
        ;;
    esac
done

IDS=(peer1 peer2 peer3)
EVENTS=logs/demo_events.txt
# A reading a second, unless an option or the environment says otherwise.
export PEER_SENSOR_INTERVAL_SECONDS=${PEER_SENSOR_INTERVAL_SECONDS:-1}
# Each with a page at a port of its own.
export PEER_HTTP=${PEER_HTTP:-0}

mkdir -p logs

# take <file>: writes this process into a file that must not be there yet.
take() { (set -C && echo $$ >"$1") 2>/dev/null; }

# Only one runs in a checkout: two would write the same logs. A lock whose process is gone does not count, and is
# removed by one start at a time: two that found it stale could remove each other's new one.
if ! take "$DEMO_LOCK"; then
    if ! take "$DEMO_LOCK.stale"; then
        echo "Another start is about to run here (process $(cat "$DEMO_LOCK.stale")); if there is none, remove $DEMO_LOCK.stale" >&2
        exit 1
    fi
    if demo_runs; then
        rm -f "$DEMO_LOCK.stale"
        echo "This checkout's three peers run already (process $DEMO); end that first, with Ctrl-C or kill $DEMO" >&2
        exit 1
    fi
    rm -f "$DEMO_LOCK"
    taken=1
    take "$DEMO_LOCK" || taken=
    rm -f "$DEMO_LOCK.stale"
    if [ -z "$taken" ]; then
        echo "Another start was faster; end that first" >&2
        exit 1
    fi
fi

LIVE=
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then LIVE=1; fi
KEYS=
if [ -n "$LIVE" ] && [ -t 0 ]; then KEYS=1; fi
SCREEN=
SAVED=

# Gives the terminal back as it was.
leave_screen() {
    if [ -n "$SCREEN" ]; then printf '\033[?25h\033[?1049l'; fi
    SCREEN=
    if [ -n "$SAVED" ]; then stty "$SAVED" 2>/dev/null || true; fi
    SAVED=
}
finish() {
    leave_screen
    stop_all
    # The guard has nothing to end any more.
    echo done >&8
    rm -f "$DEMO_LOCK"
}
# The guard holds the other end of descriptor 8 and hears each peer's process id. It ends the peers if this script is gone
# and has not ended them: after a kill -9.
guard() {
    local line guarded=()
    trap '' INT TERM HUP PIPE
    while read -r line; do
        [ "$line" != done ] || return 0
        guarded+=("$line")
    done
    for line in ${guarded[@]+"${guarded[@]}"}; do
        # Another process may have its number by now.
        if ps -p "$line" -o args= 2>/dev/null | grep -q -- "--peer-id peer[123] "; then
            kill "$line"
            kill -CONT "$line"
        fi
    done
}
exec 8> >(guard >/dev/null 2>&1)
trap finish EXIT
stopping=
trap 'stopping=1' INT TERM HUP

echo "Building (the first time takes some minutes) ..."
build
[ -z "$stopping" ] || exit 0

now() {
    local stamp
    stamp=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    # This date knows no milliseconds.
    case $stamp in *N*) date -u +%Y-%m-%dT%H:%M:%S.000Z ;; *) echo "$stamp" ;; esac
}

# note <text>: what this script saw or did, among the events of the logs.
note() {
    echo "$(now) INFO  demo: $1" >>"$EVENTS"
}

PID=(0 0 0)
DEAD=("" "" "")

# launch <place> <resume: 0 or 1> [option ...]: the peer of this place; its log goes on where there is one.
launch() {
    local place=$1 resume=$2 id=${IDS[$1]}
    shift 2
    PEER_RESUME=$resume "$PEER" --peer-id "$id" --bind 127.0.0.1 "$@" 2>>"logs/${id}_log.txt" </dev/null 8>&- &
    PID[place]=$!
    echo "$!" >&8
    DEAD[place]=
    PIDS+=("$!")
}

# this_run <id>: its log since its last start, without what RUST_LOG adds.
this_run() {
    awk '$2 ~ /^(TRACE|DEBUG)$/ { next } / Peer ID: /{ text = "" } { text = text $0 "\n" } END { printf "%s", text }' "logs/$1_log.txt"
}

# The state of each peer, in one word, and the readings that it holds: STATE and HELD.
STATE=("" "" "")
HELD=(0 0 0)
look() {
    local place id log view number status newest=0 leader="" group="" views=("" "" "")
    for place in 0 1 2; do
        id=${IDS[place]}
        if [ -z "${DEAD[place]}" ] && ! kill -0 "${PID[place]}" 2>/dev/null; then
            status=0
            wait "${PID[place]}" 2>/dev/null || status=$?
            DEAD[place]=$(date -u +%H:%M:%S)
            if [ -n "$stopping" ]; then return; fi
            note "$id is dead (exit status $status)"
            if [ "$status" = 2 ]; then
                leave_screen
                # A wrong option: all peers say the same.
                grep -m 1 '^error' "logs/${id}_log.txt" >&3 || tail -n 1 "logs/${id}_log.txt" >&3
                exit 2
            fi
        fi
        if [ -n "${DEAD[place]}" ]; then
            STATE[place]="dead, ${DEAD[place]}"
            continue
        fi
        log=$(this_run "$id")
        if ! grep -q "Is Group Leader:" <<<"$log"; then
            STATE[place]=starting
            continue
        fi
        HELD[place]=$(rows "$id")
        # "View <term>.<change>@<leader>: [<members>]": the newest in all logs counts.
        view=$(echo "$log" | grep -o "View [^ ]*: \[.*\]" | tail -n 1 || true)
        views[place]=${view#View *: }
        number=$(echo "$view" | awk -F '[ .@]' '{ print $2 * 1000000 + $3 }')
        if [ "$number" -gt "$newest" ]; then
            newest=$number
            leader=$(echo "$view" | sed 's/.*@//; s/:.*//')
            group=${views[place]}
        fi
        case $(ps -p "${PID[place]}" -o stat= 2>/dev/null) in
        T*) STATE[place]=hung ;;
        *)
            if grep "Is Group Leader:" <<<"$log" | tail -n 1 | grep -q True; then
                STATE[place]=leads
            else
                STATE[place]=member
            fi
            ;;
        esac
    done
    # The shell missed a Ctrl-C, which asked all peers to stop.
    if [ -n "${DEAD[0]}" ] && [ -n "${DEAD[1]}" ] && [ -n "${DEAD[2]}" ] &&
        grep -q "Asked to stop" <<<"$(this_run peer1)" && grep -q "Asked to stop" <<<"$(this_run peer2)"; then
        stopping=1
    fi
    # A peer that was with the leader of the newest view, and is not in it although its process lives, is silent. It may be
    # the last leader.
    for place in 0 1 2; do
        case "${STATE[place]} ${views[place]}" in
        "member "*"$leader"* | "leads "*"$leader"*)
            case $group in *"${IDS[place]}"*) ;; *) STATE[place]=hung ;; esac
            ;;
        esac
    done
}

# Events of the group from the logs, the oldest first, each once: "<time>  <text>". How long a take-over took is counted from
# the first line in any log that says that the leader is gone to the first view of the new one.
events() {
    local id
    {
        for id in "${IDS[@]}"; do sed "s/^/$id /" "logs/${id}_log.txt"; done
        sed 's/^/demo /' "$EVENTS"
    } | { grep -vE '^[^ ]* [^ ]* (TRACE|DEBUG) ' || true; } | { grep -E 'View |failed, updated|left, updated|Leader (failure|heartbeat)|Merging|Suspended|demo: ' || true; } | sort -s -k2,2 | awk '
        function ms(stamp,  part) {
            split(substr(stamp, 12), part, /[:Z]/)
            return (part[1] * 3600 + part[2] * 60 + part[3]) * 1000
        }
        # Since the leader was missed, across midnight, too.
        function passed(since,  left) {
            left = ms(time) - since
            return left < 0 ? left + 86400000 : left
        }
        function show(what) { printf "%s  %s\n", substr(time, 12, 12), what }
        {
            time = $2
            text = $0
            sub(/^[^ ]+ [^ ]+ +[A-Z]+ +[^ ]+ /, "", text)
        }
        text ~ /^Leader / { if (!lost) lost = ms(time); next }
        text ~ /^View / {
            if (seen[text]++) next
            split(text, part, /[ .@:]/)
            term = part[2]; leader = part[4]; members = text
            sub(/^[^[]*/, "", members)
            if (lost && term > last) {
                show(sprintf("%s took over after %d ms: %s", leader, passed(lost), members))
                lost = 0
            } else if (term > last) {
                show(leader " leads " members)
            } else {
                show("view " members)
            }
            last = term
            next
        }
        / updated group/ { sub(/, updated.*/, "", text); if (!seen[text time]++) show(text); next }
        { show(text) }'
}

# size: rows and columns of the terminal.
size() {
    local found
    found=$(stty size 2>/dev/null </dev/tty || true)
    case $found in "" | "0 0") found="24 80" ;; esac
    echo "$found"
}

# page: the address of the page of the first living peer; nothing if there is none.
page() {
    local place
    for place in 0 1 2; do
        if [ -z "${DEAD[place]}" ]; then
            this_run "${IDS[place]}" | grep -o 'HTTP: http://[^ ]*' | cut -d ' ' -f 2 | tail -n 1
            return
        fi
    done
}

# victim: the process of the leader, or of another living peer; nothing if all are dead.
victim() {
    local place found=""
    for place in 2 1 0; do
        if [ -z "${DEAD[place]}" ]; then found=${PID[place]}; fi
    done
    for place in 0 1 2; do
        if [ "${STATE[place]}" = leads ]; then found=${PID[place]}; fi
    done
    echo "$found"
}

# draw: the whole screen, no line longer than it is wide.
draw() {
    local height width place head foot address
    read -r height width <<<"$(size)"
    width=$((width - 1))
    head=$(
        echo "Three peers on loopback  logs/peerN_log.txt  data/peerN/*.csv" | fold -s -w "$width"
        echo
        printf '%-6s %7s %8s  %s\n' PEER PID READINGS STATE
        for place in 0 1 2; do
            printf '%-6s %7s %8d  %s\n' "${IDS[place]}" "${PID[place]}" "${HELD[place]}" "${STATE[place]}"
        done
        address=$(page)
        if [ -n "$address" ]; then printf '\nPage: %s\n' "$address"; fi
        echo
        echo "Events (UTC)"
    )
    foot=$(victim)
    if [ -n "$foot" ]; then foot="Try  kill -9 $foot  "; fi
    if [ -n "$KEYS" ]; then foot="${foot}r: start the dead again  "; fi
    foot=$(echo && echo "${foot}Ctrl-C: end all" | fold -s -w "$width")
    {
        echo "$head"
        events | fold -s -w "$width" |
            tail -n "$((height - $(printf '%s\n%s\n' "$head" "$foot" | grep -c '') - 1))"
        echo "$foot"
    } | cut -c "1-$width" | awk -v height="$height" '
        NR < height { printf "%s%s\033[K", (NR > 1 ? "\n" : "\033[H"), $0 }
        END { printf "\033[J" }'
}

SHOWN=
LAST=
PAGE=
# say: new events, as plain lines. An event may come after others that happened later.
say() {
    local all place line="" state
    all=$(events)
    if [ "$all" != "$SHOWN" ]; then
        printf '%s\n' "$all" | grep -vxF -f <(printf '%s\n' "$SHOWN") || true
        SHOWN=$all
    fi
    state="${STATE[*]}"
    if [ "$state" != "$LAST" ] || [ $((SECONDS % 10)) = 0 ]; then
        for place in 0 1 2; do
            line="$line${IDS[place]} (${PID[place]}) ${STATE[place]}, ${HELD[place]} readings; "
        done
        echo "${line%; }"
        LAST=$state
        line=$(page)
        if [ "$line" != "$PAGE" ]; then echo "Page: $line"; fi
        PAGE=$line
    fi
}

# The shell reports each killed child; here the screen does that.
exec 3>&2 2>/dev/null
: >"$EVENTS"
for place in 0 1 2; do
    : >"logs/${IDS[place]}_log.txt"
    launch "$place" "${PEER_RESUME:-0}" "$@"
done
if [ -n "$KEYS" ]; then
    SAVED=$(stty -g)
    # Ctrl-C is a key like others: as a signal it would end whatever runs in the foreground at that moment instead.
    stty -echo -icanon -isig
fi
# A wrong option shows within a moment, and before the screen is taken.
wait_for 10 "no peer comes up" grep -qE "Listening on|^error" "logs/peer1_log.txt"
sleep 0.2
look
if [ -n "$LIVE" ]; then
    SCREEN=1
    printf '\033[?1049h\033[?25l\033[2J'
    trap 'printf "\033[2J"' WINCH
fi

# A key that ends this script also ends what it waits for.
set +e
begun=$SECONDS
status=0
while [ -z "$stopping" ]; do
    look
    if [ -n "$stopping" ]; then break; fi
    if [ -n "$LIVE" ]; then draw; else say; fi
    if [ -n "${SECONDS_TO_RUN:-}" ] && [ $((SECONDS - begun)) -ge "$SECONDS_TO_RUN" ]; then
        # This is a check: all have to live at its end.
        if [ -n "${DEAD[0]}${DEAD[1]}${DEAD[2]}" ]; then status=1; fi
        break
    fi
    key=
    if [ -n "$KEYS" ]; then
        read -r -n 1 -t 1 key || true
    else
        sleep 1 || true
    fi
    if [ "$key" = $'\003' ]; then break; fi
    if [ "$key" = r ]; then
        for place in 0 1 2; do
            if [ -n "${DEAD[place]}" ]; then
                note "${IDS[place]} is started again"
                launch "$place" 1 "$@"
            fi
        done
    fi
done
leave_screen
echo "Stopping ..."
stop_all
for id in "${IDS[@]}"; do
    printf '%s holds %d readings\n' "$id" "$(rows "$id")"
done
exit $status
