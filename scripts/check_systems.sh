#!/usr/bin/env bash
# Checks the program and its tests for each system that they are written for, with Rust 1.85.0, the oldest that
# Cargo.toml promises. What a system's own compiler would say of types and warnings, this says; it makes no program.
#
#   scripts/check_systems.sh [SYSTEM]...     all of them, or some of: linux windows macos freebsd
#
# Needs what `scripts/rust_1_85.sh` needs. Standard libraries of the others are compiled here, as far as it takes to check what is
# built on them: a minute of two cores for each system.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian 12 has that Rust.
if [ "$(. /etc/os-release 2> /dev/null && echo "${ID:-}${VERSION_ID:-}")" != debian12 ]; then
    echo "SKIPPED: other systems are checked on Debian 12"
    exit
fi
declare -A TRIPLES=([linux]=x86_64-unknown-linux-gnu [windows]=x86_64-pc-windows-gnu [macos]=aarch64-apple-darwin [freebsd]=x86_64-unknown-freebsd)
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=false

# check SYSTEM OPTION...: warnings are errors. The triple is named also for this system, since then what runs while something is
# built, which is the same for all, is compiled once.
check() {
    STD=amd64 scripts/rust_1_85.sh env CARGO_TARGET_DIR="$target/systems" RUSTFLAGS="-D warnings ${FLAGS:-}" \
        cargo-zigbuild check --locked --quiet --target "${TRIPLES[$1]}" "${@:2}"
}

# elsewhere SYSTEM
elsewhere() {
    local root
    root=$(scripts/rust_1_85.sh printenv RUST_ROOT)
    mkdir -p "$root/usr/lib/rustlib/src/rust"
    ln -sfn "$root/usr/src/rustc-1.85.0/library" "$root/usr/lib/rustlib/src/rust/library"
    RUSTC_BOOTSTRAP=1 FLAGS=-Zno-codegen check "$1" --all-targets -Zbuild-std=std,panic_abort,test
}

SYSTEMS=("$@")
[ $# -gt 0 ] || SYSTEMS=(linux windows macos freebsd)
for system in "${SYSTEMS[@]}"; do
    begun=$SECONDS
    case $system in
        linux) check linux --all-targets ;;
        windows | macos | freebsd) elsewhere "$system" ;;
        *) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"; exit 2 ;;
    esac
    echo "$system: checked ($((SECONDS - begun)) s)"
done
echo "PASS: ${SYSTEMS[*]}"
