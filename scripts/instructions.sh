#!/usr/bin/env bash
# Counts the instructions that each part of the way of a reading takes, and compares them with benches/instructions.txt: a change of
# more than two per cent has to be meant. UPDATE=1 writes the table again. Counts depend on the compiler and on the processor, so the
# table names both, and where either is another one this only prints. Needs valgrind, of x86-64. PASS or FAIL.
set -euo pipefail
cd "$(dirname "$0")/.."

table=benches/instructions.txt
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/benches
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
command -v valgrind > /dev/null || { echo "FAIL: valgrind is missing" >&2; exit 1; }
cargo build --quiet --release --manifest-path benches/Cargo.toml --target-dir "$target" --bin part

# count NAME TIMES: the instructions of a whole process.
count() {
    valgrind --quiet --tool=callgrind --callgrind-out-file="$work/out" "$target/release/part" "$1" "$2"
    awk '/^(totals|summary): /{print $2; exit}' "$work/out"
}

{
    echo "# Instructions of a reading. Made by scripts/instructions.sh with $(rustc --version | cut -d ' ' -f 1,2)," \
        "on $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)."
    "$target/release/part" | while read -r name readings; do
        # What comes before and after is in both, and the difference leaves it out.
        few=$((readings == 1 ? 2000 : 20))
        printf '%-12s %9.1f\n' "$name" "$(bc -l <<< "($(count "$name" $((3 * few))) - $(count "$name" $few)) / (2 * $few * $readings)")"
    done
} > "$work/table"

if [ -n "${UPDATE:-}" ]; then
    cp "$work/table" "$table"
    cat "$table"
    exit
fi
awk 'FNR == 1 { if (NR == 1) { head = $0 } else if (head != $0) { other = 1; print "the table is of another compiler or processor: only shown" }; next }
    NR == FNR { before[$1] = $2; next }
    { share = before[$1] > 0 ? $2 / before[$1] : 0; off = !other && (share < 0.98 || share > 1.02)
      printf "%-12s %9.1f   %5.3f of the table%s\n", $1, $2, share, off ? ": not within two per cent" : ""; if (off) failed = 1 }
    END { exit failed }' "$table" "$work/table" || { echo "FAIL: explain it, and write the table again by UPDATE=1 $0"; exit 1; }
echo "PASS"
