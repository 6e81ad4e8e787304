#!/usr/bin/env bash
# Runs a command with Rust 1.85.0, the oldest that builds this project and the one that releases are built by:
#
#   scripts/rust_1_85.sh cargo check --all-targets
#   STD="arm64 armhf" scripts/rust_1_85.sh cargo-zigbuild …     with the standard libraries of these machines, as Debian calls
#                                                               them, their C libraries below $RUST_ROOT, and zig as a linker
#
# It is the one of Debian 12, unpacked below target/ beside the system, which stays as it is; the packages are checked by apt's
# signatures. zig is a package of Python. Needs apt-get of Debian 12 on x86-64, and pip. What is there is not fetched again.
set -euo pipefail

VERSION=1.85.0
root=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../target}")/rust-$VERSION
host=amd64 is_updated=false

# A root of apt's own, with the sources and keys of the system, and nothing installed.
apt() {
    local options=(-o "Dir::State=$root/apt" -o "Dir::State::status=$root/apt/status" -o "Dir::Cache=$root/apt"
        -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=false -o "APT::Architecture=$host") machine
    for machine in amd64 arm64 armhf i386 s390x; do
        options+=(-o "APT::Architectures::=$machine")
    done
    apt-get -qq "${options[@]}" "$@"
}

# need NAME PACKAGE...: fetches and unpacks packages, unless that was done.
need() {
    local name=$1 packages package
    shift
    [ ! -e "$root/has-$name" ] || return 0
    packages=$(mktemp -d)
    mkdir -p "$root/apt/lists/partial" "$root/apt/archives/partial"
    touch "$root/apt/status"
    if ! $is_updated; then
        # A suite that cannot be read now does no harm if another one has the packages.
        apt update 2> /dev/null || true
        is_updated=true
    fi
    if ! (cd "$packages" && apt download "$@"); then
        echo "Rust $VERSION is not to be had: apt-get download $*" >&2
        rm -r "$packages"
        exit 1
    fi
    for package in "$packages"/*.deb; do
        dpkg -x "$package" "$root"
    done
    rm -r "$packages"
    touch "$root/has-$name"
}

need rust rustc-web:$host cargo-web:$host libstd-rust-web-1.85:$host libstd-rust-web-dev:$host rust-web-src \
    libllvm19:$host libhttp-parser2.9:$host libpcre3:$host
for machine in ${STD:-}; do
    [ "$machine" != $host ] || continue
    need "$machine" "libstd-rust-web-dev:$machine"
    # For qemu, which runs what is built with it.
    need "libc-$machine" "libc6:$machine" "libgcc-s1:$machine"
done

if [ -n "${STD:-}" ] && [ ! -e "$root/has-zig" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$root/zig" \
        ziglang==0.15.2 cargo-zigbuild==0.24.1
    touch "$root/has-zig"
fi

export CARGO_ZIGBUILD_ZIG_PATH="$root/zig/ziglang/zig" CARGO_ZIGBUILD_CACHE_DIR="$root/zig-cache" RUST_ROOT="$root"
export PATH="$root/usr/bin:$root/zig/bin:$PATH" LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu"
export RUSTC="$root/usr/bin/rustc" CARGO="$root/usr/bin/cargo"
if [ "$(rustc --version | cut -d ' ' -f 2)" != $VERSION ]; then
    echo "Debian has another Rust now: $(rustc --version)" >&2
    exit 1
fi
exec "$@"
