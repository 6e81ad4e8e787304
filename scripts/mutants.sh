#!/usr/bin/env bash
# Plants mistakes in the code, one at a time, and sees whether a test notices. By hand, before a release: all of it takes days
# of one core, a sample of 60 an hour or two.
#
#   scripts/mutants.sh                               all modules, all mistakes
#   scripts/mutants.sh --module wire                 one of protocol, wire, storage, threads, net
#   scripts/mutants.sh --sample 60 --seed 1          this many of them, drawn by a seed
#   scripts/mutants.sh --groups                      what all tests missed meets simulated groups, too: 90 s a mistake
#   scripts/mutants.sh --list                        says what would be planted
#
# Mistakes come from cargo-mutants, which is installed below target/ where it is missing; .cargo/mutants.toml says what is left
# out, and why. Mistakes that no test noticed are printed at the end; docs/contributing.md has the figures.
set -euo pipefail
cd "$(dirname "$0")/.."

MODULES=(protocol wire storage threads net)
SAMPLE=0 SEED=1 LIST=false GROUPS_TOO=false
while [ $# -gt 0 ]; do
    case $1 in
        --module) MODULES=("$2"); shift 2 ;;
        --sample) SAMPLE=$2; shift 2 ;;
        --seed) SEED=$2; shift 2 ;;
        --groups) GROUPS_TOO=true; shift ;;
        --list) LIST=true; shift ;;
        *) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"; exit 2 ;;
    esac
done

TARGET=${CARGO_TARGET_DIR:-target}
if ! cargo mutants --version > /dev/null 2>&1; then
    PATH="$(realpath -m "$TARGET")/tools/bin:$PATH"
    cargo mutants --version > /dev/null 2>&1 || cargo install cargo-mutants --locked --root "$TARGET/tools"
fi

# All mistakes of a module, a line each.
mistakes_of() {
    cargo mutants --list -f "src/$1.rs" -f "src/$1/**/*.rs"
}

# This many of the lines, drawn by the seed; 0 takes all. The same seed draws the same from the same lines.
draw() {
    if [ "$1" -eq 0 ]; then
        cat
    else
        grep -v ' delete field ' | shuf -n "$1" --random-source=<(openssl enc -aes-128-ctr -nosalt -pass "pass:$SEED" < /dev/zero 2> /dev/null)
    fi
}

# The lines of all modules, each after its module, and the sample drawn from them: all mistakes are equally likely.
DRAWN=$(for module in "${MODULES[@]}"; do mistakes_of "$module" | sed "s/^/$module\t/"; done | draw "$SAMPLE")
if $LIST; then
    cut -f 2 <<< "$DRAWN"
    exit
fi

# plant OUT LINES TEST... [-- FILTER]: plants the mistakes whose lines are in a file, and runs these tests; what comes of it is in
# OUT/mutants.out.
plant() {
    local out=$1 lines=$2 only=() tests=() line
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        # Nothing else is built: what comes after -- counts only when tests run.
        tests+=("--cargo-arg=$1")
        shift
    done
    while read -r line; do
        only+=(-f "${line%%:*}" --re "^$(sed 's/[][\.*^$(){}?+|/-]/\\&/g' <<< "$line")\$")
    done < "$lines"
    # All mistakes of a module together make a command line too long.
    [ "${#only[@]}" -lt 4000 ] || only=(-f "src/$module.rs" -f "src/$module/**/*.rs")
    # Structs without one of their fields are planted whatever --re says, unless they count as caught before.
    mkdir -p "$out/mutants.out"
    cargo mutants --list "${only[@]}" | grep -vFxf "$lines" > "$out/mutants.out/caught.txt" || true
    # Its exit status says that some were missed; so does the table.
    cargo mutants --output "$out" --iterate --no-shuffle "${only[@]}" "${tests[@]}" -- -- "${@:2}" || true
}

# Unit tests that take most of the time of all: they are asked only of what the others miss. So are those of readers of what is
# stored.
LONG=(storage::tests::{crash,cut,damage,steady,waiting}:: a_log_reader_ it_is_a_log_its_rows what_is_no_longer_in_memory
    a_copy_of_a_peer_that_goes_on it_is_a_list_of_batches a_process_dies_or_the_power_fails nothing_goes_where_what_is_left
    a_crash_within_a_removal after_any_cut_the_files a_file_of_which_little_is_pending)

# Tests of real processes that notice most of what any of them does, in a tenth of the time.
NEAR=(data:: election:: flush:: service:: sources:: stop:: disk::a_leader_with_a_hung)

# What was drawn of a module meets its own unit tests; what they miss meets the next tests that know the module, and so on.
# Without optimisation a mistake is built in seconds; simulated groups are not for that.
try_module() {
    local out=$1 missed=$1/drawn.txt stages=(unit tests) tests=() stage groups=$GROUPS_TOO
    case $module in
        protocol) tests=(--test=core --test=transcripts) ;;
        wire) tests=(--test=core --test=transcripts --test=fuzz) ;;
        storage) stages=(unit long tests) tests=(--test=verify --test=tail --test=fuzz) ;;
        # Most of what threads and sockets do is seen by real processes only.
        threads | net) stages=(unit near tests) tests=(--test=cluster --test=hostile --test=http) groups=false ;;
    esac
    ! $groups || stages+=(groups)
    for stage in "${stages[@]}"; do
        case $stage in
            # What waits for ever waits for less long where all tests take seconds.
            unit) CARGO_MUTANTS_MINIMUM_TEST_TIMEOUT=60 CARGO_PROFILE_DEV_OPT_LEVEL=0 plant "$out/$stage" "$missed" --lib -- "$module::" "${LONG[@]/#/--skip=}" ;;
            long) CARGO_PROFILE_DEV_OPT_LEVEL=0 plant "$out/$stage" "$missed" --lib -- "${LONG[@]}" history:: verify:: ;;
            near) CARGO_PROFILE_DEV_OPT_LEVEL=0 plant "$out/$stage" "$missed" --test=cluster -- "${NEAR[@]}" ;;
            tests) CARGO_PROFILE_DEV_OPT_LEVEL=0 plant "$out/$stage" "$missed" "${tests[@]}" ;;
            groups) plant "$out/$stage" "$missed" --test=simulation -- groups_keep ;;
        esac
        missed=$out/$stage/mutants.out/missed.txt
        cp "$missed" "$out/missed.txt"
        [ -s "$missed" ] || return 0
    done
}

export PEER_SIM_SEEDS=${PEER_SIM_SEEDS:-30}
# What it is built of is built once.
mkdir -p "$TARGET/mutants"
CARGO_TARGET_DIR=$(realpath "$TARGET")/mutants/built
export CARGO_TARGET_DIR
for module in "${MODULES[@]}"; do
    out=$TARGET/mutants/$module
    rm -rf "$out"
    mkdir -p "$out"
    awk -F '\t' -v module="$module" '$1 == module { print $2 }' <<< "$DRAWN" > "$out/drawn.txt"
    [ ! -s "$out/drawn.txt" ] || try_module "$out"
done

# Mistakes that do not build do not count; mistakes that make a test wait for ever are noticed.
printf '%-10s %8s %8s %8s\n' module planted noticed ratio
for module in "${MODULES[@]}"; do
    out=$TARGET/mutants/$module
    [ -e "$out/missed.txt" ] || continue
    noticed=$(cat "$out"/*/mutants.out/{caught,timeout}.txt | wc -l)
    planted=$((noticed + $(wc -l < "$out/missed.txt")))
    [ "$planted" -gt 0 ] || continue
    printf '%-10s %8s %8s %7s%%\n' "$module" "$planted" "$noticed" $((100 * noticed / planted))
    sed 's/^/   missed: /' "$out/missed.txt"
done
