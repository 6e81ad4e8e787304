#!/usr/bin/env bash
# What is checked before a release, beside `scripts/check.sh`, and by hand, since it takes half an hour and asks registries. What it
# could not get it says. Needs Debian 12 on x86-64, and qemu-user for the tests of other machines.
#
#   scripts/check_release.sh [STEP]...      all of them, or some of: systems minimal deny publish install i386 s390x
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/tools
declare -A TRIPLES=([i386]=i686-unknown-linux-gnu [s390x]=s390x-unknown-linux-gnu)

# The oldest Rust that `Cargo.toml` promises: each system, and the formats that packages have.
systems() {
    scripts/check_systems.sh
    scripts/rust_1_85.sh env CARGO_TARGET_DIR="$target/oldest" cargo check --locked --features sqlite,parquet,bridge-influx,bridge-mqtt,bridge-nats --quiet
    # Without the simulator, as somebody may build it who wants a small program.
    scripts/rust_1_85.sh env CARGO_TARGET_DIR="$target/oldest" cargo check --locked --no-default-features --all-targets --quiet
}

# The oldest versions that `Cargo.toml` promises of what is used directly, with the oldest Rust.
minimal() {
    local copy=$target/minimal
    rm -rf "$copy/tree"
    mkdir -p "$copy/tree"
    git ls-files -z | xargs -0 cp --parents -t "$copy/tree"
    (cd "$copy/tree" && rm Cargo.lock &&
        RUSTC_BOOTSTRAP=1 cargo -Zdirect-minimal-versions generate-lockfile --quiet &&
        "$OLDPWD/scripts/rust_1_85.sh" env CARGO_TARGET_DIR="$target/oldest" cargo check --all-targets --quiet)
}

deny() {
    [ -x "$tools/bin/cargo-deny" ] || cargo install --quiet cargo-deny --version 0.20.2 --locked --root "$tools"
    PATH="$tools/bin:$PATH" cargo deny --locked --log-level warn check licenses bans sources
}

publish() { CARGO_TARGET_DIR="$target/publish" cargo publish --dry-run --locked --quiet; }

install() { CARGO_TARGET_DIR="$target/publish" cargo install --path . --locked --quiet --root "$target/publish/root"; }

# Unit tests on a machine of 32 bits, and on one that has the highest byte first.
i386() { unit_tests i386 i386; }
s390x() { unit_tests s390x s390x; }

# unit_tests MACHINE EMULATOR
unit_tests() {
    local triple=${TRIPLES[$1]} emulator root
    emulator=$(command -v "qemu-$2-static" "qemu-$2" | head -n 1) || { echo "qemu-user is missing"; return 1; }
    root=$(STD=$1 scripts/rust_1_85.sh printenv RUST_ROOT)
    STD=$1 scripts/rust_1_85.sh env CARGO_TARGET_DIR="$target/oldest" \
        "CARGO_TARGET_$(tr a-z- A-Z_ <<< "$triple")_RUNNER=$emulator -L $root" \
        cargo-zigbuild test --locked --quiet --lib --target "$triple"
}

STEPS=("$@")
[ $# -gt 0 ] || STEPS=(systems minimal deny publish install i386 s390x)
failed=()
for step in "${STEPS[@]}"; do
    echo "== $step"
    begun=$SECONDS
    "$step" || failed+=("$step")
    echo "   ($((SECONDS - begun)) s)"
done
[ ${#failed[@]} = 0 ] || { echo "FAIL: ${failed[*]}"; exit 1; }
echo "PASS: ${STEPS[*]}"
