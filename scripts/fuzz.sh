#!/usr/bin/env bash
# Looks for inputs that break a reader: of one target, or of each in turn. By hand, before a release: an hour for each target.
#
#   scripts/fuzz.sh                         all targets, a minute for each
#   scripts/fuzz.sh core --seconds 3600     one of them
#   scripts/fuzz.sh --list                  their names
#   scripts/fuzz.sh --keep --seconds 0      puts the inputs that reach most into fuzz/corpus
#
# Seconds are those of the processor: on a busy machine it takes longer. Several may run beside each other, each with targets of
# its own.
#
# The programs are built by the stable toolchain, without a sanitizer: this package forbids unsafe code, and what is asserted is
# checked. cargo-fuzz is installed below target/ where it is missing. What was found is added to target/fuzz/corpus/; only
# --keep changes what is committed. An input that breaks a target is in target/fuzz/artifacts/<target>/, and ends this.
set -euo pipefail
cd "$(dirname "$0")/.."

SECONDS_EACH=60 KEEP=false LIST=false TARGETS=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) SECONDS_EACH=$2; shift 2 ;;
        --keep) KEEP=true; shift ;;
        --list) LIST=true; shift ;;
        -*) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"; exit 2 ;;
        *) TARGETS+=("$1"); shift ;;
    esac
done
[ ${#TARGETS[@]} -gt 0 ] || mapfile -t TARGETS < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2)
if $LIST; then
    printf '%s\n' "${TARGETS[@]}"
    exit
fi

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
if ! cargo fuzz --version > /dev/null 2>&1; then
    PATH="$TARGET/tools/bin:$PATH"
    cargo fuzz --version > /dev/null 2>&1 || cargo install cargo-fuzz --locked --root "$TARGET/tools"
fi
# Some targets use files: in memory where that is possible.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm

# Longer inputs find little that shorter ones do not, and take longer. An input takes milliseconds and some MiB.
LIMITS=(-max_len=4096 -timeout=10 -rss_limit_mb=1024)

# How many inputs of a target are kept at most, and how long they may be.
KEPT_MAX=20 KEPT_BYTES_MAX=1024

cargo fuzz build --sanitizer none --target-dir "$TARGET/fuzz"

# The program of a target.
program_of() {
    find "$TARGET"/fuzz/*/release -maxdepth 1 -type f -name "$1"
}

# Runs a program that writes to a log. SPENT is how many seconds of the processor it took.
spend() {
    local log=$1 TIMEFORMAT='%0U %0S' user system status=0
    shift
    { time "$@" > "$log" 2>&1; } 2> "$log.time" || status=$?
    # A program that a signal ends has a line before.
    read -r user system < <(tail -n 1 "$log.time")
    SPENT=$((user + system))
    return "$status"
}

fuzz() {
    local target=$1 found="$TARGET/fuzz/corpus/$1" artifacts="$TARGET/fuzz/artifacts/$1" log="$TARGET/fuzz/$1.log" program
    local left=$SECONDS_EACH executions=0
    program=$(program_of "$target")
    mkdir -p "$found" "$artifacts"
    # It counts the time that passes. If others use the processor, some is left.
    while [ "$left" -gt 0 ]; do
        if ! spend "$log" "$program" "${LIMITS[@]}" -max_total_time="$left" -print_final_stats=1 \
            -artifact_prefix="$artifacts/" "$found" "fuzz/corpus/$target"; then
            tail -n 40 "$log"
            echo "FAIL: $target; repeat with:"
            echo "$program $(sed -n 's/.*Test unit written to //p' "$log")"
            exit 1
        fi
        executions=$((executions + $(sed -n 's/^stat::number_of_executed_units: *//p' "$log")))
        left=$((left - (SPENT > 0 ? SPENT : 1)))
    done
    printf '%-18s %12s executions, %s s, %s inputs\n' "$target" "$executions" "$((SECONDS_EACH - left))" \
        "$(find "$found" -type f | wc -l)"
}

# The inputs that reach most, among those that together reach everything. An input that once broke a target (`found-…`)
# stays, whatever it reaches.
keep() {
    local target=$1 least="$TARGET/fuzz/least/$1" chosen="$TARGET/fuzz/chosen/$1" program
    program=$(program_of "$target")
    rm -rf "$least"
    mkdir -p "$least" "$chosen"
    "$program" -set_cover_merge=1 -max_len="$KEPT_BYTES_MAX" "$least" "fuzz/corpus/$target" "$TARGET/fuzz/corpus/$target" \
        > "$TARGET/fuzz/$target.log" 2>&1
    for input in "$least"/*; do
        rm -rf "$chosen" && mkdir "$chosen" && cp "$input" "$chosen"
        printf '%s %s\n' "$("$program" -runs=0 "$chosen" 2>&1 | sed -n 's/.*INITED .* ft: \([0-9]*\) .*/\1/p')" "$input"
    done | sort -k 1,1nr -k 2 | head -n "$KEPT_MAX" > "$chosen.txt"
    find "fuzz/corpus/$target" -type f ! -name 'found-*' -delete
    cut -d ' ' -f 2- "$chosen.txt" | xargs -d '\n' -I '{}' cp '{}' "fuzz/corpus/$target/"
}

for target in "${TARGETS[@]}"; do
    [ "$SECONDS_EACH" -eq 0 ] || fuzz "$target"
done
if $KEEP; then
    for target in "${TARGETS[@]}"; do
        keep "$target"
    done
fi
