#!/usr/bin/env bash
# Makes the pictures of the page that the README and docs/http.md show, docs/images/*.png, from a real group of three. Needs a
# Chromium and pngquant.
set -euo pipefail
cd "$(dirname "$0")/.."

BYTES_MAX=$((150 * 1024))

command -v pngquant >/dev/null || {
    echo "pngquant is missing: apt-get install pngquant" >&2
    exit 1
}
mkdir -p docs/images
PEER_PICTURES=docs/images cargo test --quiet --test page pictures
for picture in docs/images/*.png; do
    pngquant --force --strip --skip-if-larger --output "$picture" 64 "$picture" || [ $? = 98 ]
    bytes=$(wc -c <"$picture")
    echo "$picture: $((bytes / 1024)) KiB"
    [ "$bytes" -le "$BYTES_MAX" ] || {
        echo "$picture is larger than $((BYTES_MAX / 1024)) KiB" >&2
        exit 1
    }
done
