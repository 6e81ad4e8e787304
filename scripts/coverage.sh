#!/usr/bin/env bash
# Says which lines of the core simulated groups do not reach. By hand: some ten minutes of two cores.
#
#   scripts/coverage.sh                             400 seeds of each mode, and the other simulated groups
#   scripts/coverage.sh --seeds 5000 --first 7000   more of them, or others
#   scripts/coverage.sh --again                     only reads what the last run measured
#
# tests/simulation/unreached.txt says of each function of which a line is not reached why that is so. It ends with 1 where a
# function is missing in that list, and tells which functions in it were reached in full. LLVM's llvm-cov and llvm-profdata of
# the version that rustc has are needed: `rustup component add llvm-tools`, or a package such as llvm-22.
set -euo pipefail
cd "$(dirname "$0")/.."

SEEDS=400 FIRST=0 AGAIN=false
while [ $# -gt 0 ]; do
    case $1 in
        --seeds) SEEDS=$2; shift 2 ;;
        --first) FIRST=$2; shift 2 ;;
        --again) AGAIN=true; shift ;;
        *) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"; exit 2 ;;
    esac
done

VERSION=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/coverage
LIST=tests/simulation/unreached.txt
mkdir -p "$OUT"

# The path of one of LLVM's programs.
llvm() {
    find "$(rustc --print sysroot)/lib/rustlib" -name "$1" | grep . || command -v "$1-$VERSION" || {
        echo "$1 of LLVM $VERSION is missing: rustup component add llvm-tools, or install llvm-$VERSION" >&2
        exit 1
    }
}
COV=$(llvm llvm-cov)
PROFDATA=$(llvm llvm-profdata)

# Only this package's own code is measured. What is built for that stays apart: run elsewhere, it would leave profiles there.
printf '#!/bin/sh\nexec "$@" -C instrument-coverage\n' > "$OUT/rustc"
chmod +x "$OUT/rustc"
PROGRAM=$(CARGO_TARGET_DIR="$OUT/build" RUSTC_WORKSPACE_WRAPPER="$OUT/rustc" cargo test --no-run --message-format json --test simulation |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)

if ! $AGAIN; then
    rm -f "$OUT"/*.profraw
    # Deliberate faults reach what no group should. What is searched exhaustively is small; drawings are looked for.
    LLVM_PROFILE_FILE="$OUT/%p.profraw" PEER_SIM_FIRST=$FIRST PEER_SIM_SEEDS=$SEEDS \
        "$PROGRAM" --skip sabotage --skip exhaustive --skip drawings
fi
"$PROFDATA" merge -sparse "$OUT"/*.profraw -o "$OUT/all.profdata"
find src/protocol -name '*.rs' ! -path '*tests*' ! -name trial.rs -print0 |
    xargs -0 "$COV" export --format=lcov --instr-profile="$OUT/all.profdata" "$PROGRAM" > "$OUT/all.lcov"

# FILE NUMBER of each line that was not reached.
awk -F '[:,]' '
    /^SF:/ { file = substr($2, index($2, "src/protocol/")) }
    /^DA:/ { all++; if ($3 == 0) { missed++; print file, $2 } }
    END {
        if (all == 0) { print "FAIL: nothing was measured" > "/dev/stderr"; exit 1 }
        printf "%d of %d lines of the core are reached\n", all - missed, all > "/dev/stderr"
    }
' "$OUT/all.lcov" > "$OUT/lines.txt"

# FILE FUNCTION: NUMBER: TEXT of each of them.
while read -r file number; do
    awk -v file="$file" -v number="$number" '
        match($0, /fn [a-z_0-9]+/) { name = substr($0, RSTART + 3, RLENGTH - 3) }
        NR == number { sub(/^ +/, ""); print substr(file, 14), name ": " number ": " $0; exit }
    ' "$file"
done < "$OUT/lines.txt" > "$OUT/unreached.txt"

cut -d : -f 1 "$OUT/unreached.txt" | sort -u > "$OUT/functions.txt"
sed -n 's/^\([^#:]*\):.*/\1/p' "$LIST" | sort -u > "$OUT/known.txt"
comm -13 "$OUT/functions.txt" "$OUT/known.txt" | sed "s|\$|: reached in full, and in $LIST|"
UNKNOWN=$(comm -23 "$OUT/functions.txt" "$OUT/known.txt")
if [ -n "$UNKNOWN" ]; then
    echo "not reached, and not in $LIST:"
    while read -r function; do
        grep "^$function:" "$OUT/unreached.txt"
    done <<< "$UNKNOWN"
    echo "FAIL: say in $LIST why, or let groups reach them"
    exit 1
fi
echo "PASS: $(wc -l < "$OUT/functions.txt") functions have lines that are not reached; $LIST says why"
