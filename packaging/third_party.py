#!/usr/bin/env python3
"""Prints which packages are compiled into peer, and their licences: each text once, with the packages that come under it.

usage: third_party.py [--features LIST] [--filter-platform TRIPLE]
"""

import json
import pathlib
import subprocess
import sys

HEAD = """\
Beside its own code this program holds the standard library of Rust (MIT OR Apache-2.0), a static one also musl (MIT) and
libunwind of LLVM (Apache-2.0 WITH LLVM-exception), and these packages, whose licences follow:
"""

# How files with licences are called.
NAMES = ("license", "licence", "copying", "notice", "unlicense", "copyright")


def compiled_in(metadata):
    """The packages that the root package is built of, without those that only build or test it."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, left = {root}, [root]
    while left:
        for dependency in nodes[left.pop()]["deps"]:
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                left.append(dependency["pkg"])
    return [package for package in metadata["packages"] if package["id"] in seen - {root}]


def texts(package):
    directory = pathlib.Path(package["manifest_path"]).parent
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name.lower().startswith(NAMES):
            yield path.read_text(encoding="utf-8", errors="replace").strip().replace("\r\n", "\n")


def main():
    arguments = ["cargo", "metadata", "--format-version", "1", "--locked", *sys.argv[1:]]
    metadata = json.loads(subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout)
    print(HEAD)
    under = {}
    for package in sorted(compiled_in(metadata), key=lambda package: (package["name"], package["version"])):
        name = f"{package['name']} {package['version']}"
        print(f"{name} ({package['license'] or 'see below'})")
        for text in texts(package):
            under.setdefault(text, []).append(name)
    for text, names in under.items():
        print(f"\n{'-' * 78}\n{', '.join(dict.fromkeys(names))}\n\n{text}")


if __name__ == "__main__":
    main()
