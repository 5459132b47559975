#!/usr/bin/env python3
"""Hold the tree to the house: usage: arrows.py PROJECT_ROOT

Arrows point down only: each folder below may include the library headers of the
folders named for it and no others. The headers right in a folder are for its users,
those in a room of it for the folder alone: examples and benchmarks may
include the former only. Beside that: headers have `#pragma once` and stay short,
the library uses no quoted includes, folders stay small.

A violation ends with status 1; a crowded folder is only reported.
"""

import re
import sys
from collections import Counter
from pathlib import Path

# Who may include what of the library. None: everything, the umbrella too.
ARROWS = {
    "runtime": {"runtime"},
    "actors": {"runtime", "actors"},
    "channels": {"runtime", "actors", "channels"},
    "levada": {"runtime", "actors", "channels"},
    "examples": None,
    "tests": None,
    "bench": None,
}
VISITORS = ("levada", "examples", "bench")
ROOMS = ("runtime", "actors", "channels")
UMBRELLA = "levada.hpp"
NEUTRAL = "version.hpp"  # generated, includes nothing
HEADER_LINES = 300
FOLDER_FILES = 25

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def cpp_files(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".hpp", ".cpp"))


def check_include(room, quote, target):
    """What is wrong with one #include in a file of this room, or None."""
    if quote == '"':
        if room in ROOMS:
            return f'write #include <levada/...>, not #include "{target}"'
        return None
    if not target.startswith("levada/"):
        return None
    allowed = ARROWS[room]
    if room in VISITORS and target.count("/") > 2:
        return f"{target} is inside a folder: include one of its fronts"
    if allowed is None:
        return None
    what = target.split("/")[1]
    if what == UMBRELLA:
        return "the umbrella header is for users: include what is needed"
    if what != NEUTRAL and what not in allowed:
        return f"{room} must not include {what} ({target}): arrows point down"
    return None


def check_file(room, path, text):
    problems = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        problem = match and check_include(room, *match.groups())
        if problem:
            problems.append(f"{path}:{number}: {problem}")
    if path.suffix == ".hpp":
        if "#pragma once" not in lines:
            problems.append(f"{path}:1: no #pragma once")
        if room in ROOMS and len(lines) >= HEADER_LINES:
            problems.append(
                f"{path}:{len(lines)}: a header stays under {HEADER_LINES} "
                "lines: what grows past that wants another header"
            )
    return problems


def crowded(files):
    """Folders with more files of a kind than one can keep in the head."""
    count = Counter((path.parent, path.suffix) for path in files)
    return [
        f"note: {folder} holds {n} {suffix} files, more than {FOLDER_FILES}"
        for (folder, suffix), n in sorted(count.items())
        if n > FOLDER_FILES
    ]


def main(root):
    problems = []
    notes = []
    for room in ARROWS:
        files = cpp_files(Path(root) / room)
        notes += crowded(files)
        for path in files:
            text = path.read_text(encoding="utf-8")
            problems += check_file(room, path, text)
    print("\n".join(notes + problems) or "the arrows point down")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
