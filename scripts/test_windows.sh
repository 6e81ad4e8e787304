#!/usr/bin/env bash
# Builds the program for Windows, and runs three peers of it under wine: the leader is killed and started again, peers are asked
# how they are, and all hold the same rows, as the programs of both systems say. PASS or FAIL. Needs wine64 and
# gcc-mingw-w64-x86-64-posix of Debian 12, and what `scripts/rust_1_85.sh` needs. It takes ten minutes of a processor.
#
#   scripts/test_windows.sh
source "$(dirname "$0")/common.sh"
source scripts/groups.sh

triple=x86_64-pc-windows-gnu
gcc=x86_64-w64-mingw32-gcc-posix
wine=$(command -v wine64 /usr/lib/wine/wine64 wine | head -n 1) || fail "wine64 is missing"
command -v "$gcc" > /dev/null || fail "gcc-mingw-w64-x86-64-posix is missing"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/windows/run
mkdir -p "$work"
trap stop_all EXIT

# Debian has no standard library for this system: it is built here, and before it what the linker puts at both ends.
root=$(scripts/rust_1_85.sh printenv RUST_ROOT)
source=$root/usr/src/rustc-1.85.0/library
std=$root/usr/lib/rustlib/$triple/lib
mkdir -p "$root/usr/lib/rustlib/src/rust" "$std"
ln -sfn "$source" "$root/usr/lib/rustlib/src/rust/library"
for part in rsbegin rsend; do
    RUSTC_BOOTSTRAP=1 scripts/rust_1_85.sh rustc --target "$triple" --emit=obj -o "$std/$part.o" "$source/rtstartup/$part.rs"
done
env RUSTC_BOOTSTRAP=1 CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=$gcc CC_x86_64_pc_windows_gnu=$gcc CARGO_PROFILE_DEV_DEBUG=false \
    scripts/rust_1_85.sh env CARGO_TARGET_DIR="$target/windows" cargo build --locked --quiet -Zbuild-std=std,panic_abort --target "$triple"
cp "$target/windows/$triple/debug/peer.exe" "$work"

# Random numbers of std, which wine of Debian 12 does not know by this name.
$gcc -shared -o "$work/bcryptprimitives.dll" -x c - -ladvapi32 << 'END'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return SystemFunction036(data, (ULONG)size); }
END

export WINEPREFIX=$work/prefix WINEDEBUG=-all WINEDLLOVERRIDES="bcryptprimitives=n;winemenubuilder.exe,mscoree,mshtml=d"
"$wine" wineboot --init > "$work/wineboot.txt" 2>&1 || fail "wine does not start: see $work/wineboot.txt"

here=$PEER
use() {
    if [ "$1" = linux ]; then PEER=$here; return; fi
    PEER=$work/peer
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$wine" "$work/peer.exe" > "$PEER"
    chmod +x "$PEER"
}

build
OPTIONS=()
fresh
use windows
for id in peer1 peer2 peer3; do begin "$id"; done
wait_for_group peer1 peer2 peer3
survive windows peer1 peer2 peer3
"$PEER" status > "$work/status.txt" 2> /dev/null || fail "status: $(cat "$work/status.txt")"
if grep -l "written again from the journal" logs/peer{1,2,3}_log.txt; then fail "files were taken for others"; fi
stop_all
for system in windows linux; do
    use "$system"
    "$PEER" verify data/peer1 data/peer2 data/peer3 2> /dev/null | tail -n 1 || fail "verify by $system"
done
pass "three peers of Windows, under wine"
