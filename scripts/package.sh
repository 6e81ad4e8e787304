#!/usr/bin/env bash
# Builds what is given away, into target/packages/: for each of these machines a .deb and a tarball with a static program, and
# for all of them SHA256SUMS and an SBOM.
#
#   scripts/package.sh [amd64|arm64|armhf]...        amd64 unless it is said
#
# Built by Rust 1.85 (`scripts/rust_1_85.sh`) and zig, for glibc 2.28 and newer; needs Debian 12 on x86-64, and git.
# No path goes into them, and times are those of the last commit, so that the same tree gives the same bytes in any folder.
# What makes the SBOM is installed below target/ where it is missing. `scripts/test_package.sh` tries the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

MACHINES=("$@")
[ $# -gt 0 ] || MACHINES=(amd64)
declare -A TRIPLES=([amd64]=x86_64-unknown-linux-gnu [arm64]=aarch64-unknown-linux-gnu [armhf]=armv7-unknown-linux-gnueabihf)
GLIBC=2.28 FEATURES=sqlite,parquet,bridge-influx,bridge-mqtt,bridge-nats

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$target/packages tools=$target/tools stage=$target/package
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
date=$(date -u -R -d "@$SOURCE_DATE_EPOCH")
umask 022

for machine in "${MACHINES[@]}"; do
    if [ -z "${TRIPLES[$machine]:-}" ]; then
        sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"
        exit 2
    fi
done

get_tools() {
    if [ ! -x "$tools/bin/cargo-cyclonedx" ]; then
        cargo install --quiet cargo-cyclonedx --version 0.5.9 --locked --root "$tools"
    fi
}

# compile TRIPLE[.GLIBC] OPTIONS...: the program for a machine.
compile() {
    # Where it was built must not show: neither the folder, nor where cargo keeps what it fetched, nor the library's own source.
    local flags="--remap-path-prefix=$PWD=/peer --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=/registry"
    flags+=" --remap-path-prefix=$target=/target ${LINKING:-}"
    STD="${MACHINES[*]}" scripts/rust_1_85.sh env CARGO_TARGET_DIR="$stage/build" CARGO_PROFILE_RELEASE_STRIP=symbols \
        RUSTFLAGS="$flags" \
        cargo-zigbuild zigbuild --quiet --locked --release --bin peer --features $FEATURES --target "$@"
}

# The standard library of Debian is for glibc: that for musl is built with the program.
compile_static() {
    local triple=${1/gnu/musl}
    RUSTC_BOOTSTRAP=1 LINKING="-C target-feature=+crt-static -C link-self-contained=no" \
        compile "$triple" -Zbuild-std=std,panic_abort
}

# What all packages hold beside the program: manual pages, completions, licences.
write_manual() {
    rm -rf "$stage/manual"
    CARGO_TARGET_DIR="$target/fuzz" cargo run --quiet --locked --manifest-path packaging/manual/Cargo.toml -- "$stage/manual"
    find "$stage/manual/share/man" -type f -exec gzip -9n {} +
    python3 packaging/third_party.py --features $FEATURES --filter-platform x86_64-unknown-linux-gnu > "$stage/third-party"
}

# CHANGELOG.md down to the part of this version, as Debian has it: an item begins with a star, and no line is long.
changelog() {
    local item
    printf 'peer (%s) stable; urgency=medium\n\n' "$version"
    awk -v version="$version" '/^## /{if (last) exit; last = $2 == version} /^- /{item = 1} /^$/{item = 0} item' CHANGELOG.md |
        sed ':join; N; s/\n  */ /; t join; P; D' |
        while read -r item; do
            fold -s -w 74 <<< "${item#- }" | sed 's/ *$//; 1s/^/  * /; 2,$s/^/    /'
        done
    printf '\n -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' packaging/debian/control)" "$date"
}

licence() {
    sed -n '/^Permission/,$s/^$/./; /^Permission/,$s/^/ /p' LICENSE
}

# fill FILE NAME=VALUE...: the file with each @NAME@ replaced.
fill() {
    local file=$1 text pair
    text=$(cat "$file")
    shift
    for pair; do
        text=${text//"@${pair%%=*}@"/"${pair#*=}"}
    done
    printf '%s\n' "$text"
}

make_deb() {
    local machine=$1 program=$2 root=$stage/deb-$1 doc
    rm -rf "$root"
    doc=$root/usr/share/doc/peer
    mkdir -p "$root"/{DEBIAN,etc/default,usr/bin,usr/lib/systemd/system,usr/lib/sysusers.d,usr/share/lintian/overrides} "$doc"
    cp -r "$stage/manual/share" "$root/usr/"
    install -m 755 "$program" "$root/usr/bin/peer"
    install -m 644 packaging/systemd/*.service "$root/usr/lib/systemd/system/"
    install -m 644 packaging/systemd/peer.sysusers "$root/usr/lib/sysusers.d/peer.conf"
    install -m 644 packaging/default.env "$root/etc/default/peer"
    install -m 644 packaging/debian/lintian-overrides "$root/usr/share/lintian/overrides/peer"
    fill packaging/debian/copyright "COPYRIGHT=$(sed -n 's/^Copyright (c) //p' LICENSE)" "LICENSE=$(licence)" > "$doc/copyright"
    changelog | gzip -9n > "$doc/changelog.gz"
    gzip -9nc "$stage/third-party" > "$doc/third-party.gz"
    echo /etc/default/peer > "$root/DEBIAN/conffiles"
    install -m 755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
    (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
    fill packaging/debian/control "VERSION=$version" "ARCHITECTURE=$machine" \
        "SIZE=$(du -sk --apparent-size "$root/usr" | cut -f 1)" > "$root/DEBIAN/control"
    find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out/peer_${version}_$machine.deb" > /dev/null
}

make_tarball() {
    local triple=${1/gnu/musl} program=$2 name root
    name=peer-$version-${triple/-unknown/} root=$stage/$name
    rm -rf "$root"
    mkdir -p "$root"
    install -m 755 "$program" "$root/peer"
    cp -r "$stage/manual/share" "$root/share"
    mkdir "$root/packaging"
    cp -r packaging/{default.env,systemd,openrc} "$root/packaging/"
    install -m 644 LICENSE README.md CHANGELOG.md "$stage/third-party" "$root/"
    tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" |
        gzip -9n > "$out/$name.tar.gz"
}

make_sbom() {
    PATH="$tools/bin:$PATH" cargo cyclonedx --quiet --format json --spec-version 1.5 --features $FEATURES --target all \
        --override-filename "peer-$version.cdx" 2> /dev/null
    # Nothing else says in which folder it was made.
    sed "s|file://$PWD|file:///peer|g" "peer-$version.cdx.json" > "$out/peer-$version.cdx.json"
    rm "peer-$version.cdx.json"
}

# What another tree left has the same names.
rm -rf "$out"
mkdir -p "$out"
get_tools
write_manual
for machine in "${MACHINES[@]}"; do
    triple=${TRIPLES[$machine]}
    compile "$triple.$GLIBC"
    make_deb "$machine" "$stage/build/$triple/release/peer"
    compile_static "$triple"
    make_tarball "$triple" "$stage/build/${triple/gnu/musl}/release/peer"
done
make_sbom
(cd "$out" && sha256sum -- *.deb *.tar.gz *.json > SHA256SUMS && cat SHA256SUMS)
