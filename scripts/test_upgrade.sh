#!/usr/bin/env bash
# scripts/test_upgrade.sh [REV]: builds the newest tag, or this revision, and has a group of three go from it to this tree
# and back, one peer after the other, while readings come. None may be lost, and the files of all have to agree. In an open
# group, under a quorum, and with a key. What it builds stays in target/before/ for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "FAIL: $1"
    exit 1
}

REV=${1:-$(git describe --tags --abbrev=0 2>/dev/null || true)}
[ -n "$REV" ] || fail "there is no tag yet; name a revision: scripts/test_upgrade.sh REV"
COMMIT=$(git rev-parse --verify --quiet "$REV^{commit}") || fail "$REV is no revision of this repository"

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
TREE=$TARGET/before/tree
if [ ! -e "$TREE/.git" ]; then
    git worktree prune
    git worktree add --quiet --detach "$TREE" "$COMMIT"
fi
git -C "$TREE" checkout --quiet --detach --force "$COMMIT"
echo "Building $(git log -1 --format='%h %s' "$COMMIT")"
cargo build --release --quiet --locked --manifest-path "$TREE/Cargo.toml" --target-dir "$TARGET/before/built"
BEFORE=$TARGET/before/built/release/peer
echo "Before: $("$BEFORE" --version), protocol $(sed -n 's/^pub const PROTOCOL_VERSION.*= \(.*\);/\1/p' "$TREE/src/wire/message.rs")"
echo "Now: protocol $(sed -n 's/^pub const PROTOCOL_VERSION.*= \(.*\);/\1/p' src/wire/message.rs)"

PEER_BEFORE=$BEFORE cargo test --quiet --test upgrades || fail "a group of $REV and this tree does not work; see above"
echo "PASS: a group of three went from $REV to this tree and back, and lost nothing"
