#!/usr/bin/env python3
"""Hold the code in the documentation to the code that is compiled.

usage: doc_blocks.py [--fix] ROOT MARKDOWN...

A block of markdown that follows a line

    <!-- from: examples/01_hello.cpp#region -->

must equal, less its indentation, what stands in that file (below ROOT) between
the lines `// [region]` and `// [/region]`. Without #region it is the whole
file. --fix rewrites the blocks that differ. Status 1 if one differs, or names
what is not there.
"""

import argparse
import difflib
import re
import sys
import textwrap
from pathlib import Path

BLOCK = re.compile(
    r"(?P<head>^<!-- from: (?P<file>[^#\s]+)(?:#(?P<region>\S+))? -->\n+"
    r"```cpp[^\n]*\n)(?P<code>.*?)(?P<tail>^```$)",
    re.DOTALL | re.MULTILINE,
)
MARK = re.compile(r"^\s*// \[/?[\w-]+\]\n", re.MULTILINE)


class Missing(Exception):
    """A marker that names a file or region which is not there."""


def source_of(root, file, region):
    path = Path(root) / file
    if not path.is_file():
        raise Missing(f"no file {file}")
    text = path.read_text(encoding="utf-8")
    if region:
        name = re.escape(region)
        found = re.search(
            rf"^\s*// \[{name}\]\n(.*?)^\s*// \[/{name}\]$",
            text,
            re.DOTALL | re.MULTILINE,
        )
        if not found:
            raise Missing(f"no // [{region}] ... // [/{region}] in {file}")
        text = found.group(1)
    # Marks of other regions inside this one are no part of it.
    return textwrap.dedent(MARK.sub("", text))


def compare(root, path, text):
    """The text as it should be, and what is wrong with it as it is."""
    problems = []

    def replace(match):
        line = text.count("\n", 0, match.start()) + 1
        try:
            wanted = source_of(root, match["file"], match["region"])
        except Missing as missing:
            problems.append(f"{path}:{line}: {missing}\n")
            return match[0]
        if match["code"] != wanted:
            diff = difflib.unified_diff(
                match["code"].splitlines(keepends=True),
                wanted.splitlines(keepends=True),
                f"{path}:{line}",
                match["file"],
            )
            problems.append("".join(diff))
        return match["head"] + wanted + match["tail"]

    return BLOCK.sub(replace, text), problems


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("root")
    parser.add_argument("markdown", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    wrong = False
    for path in options.markdown:
        text = path.read_text(encoding="utf-8")
        wanted, problems = compare(options.root, path, text)
        if options.fix and wanted != text:
            path.write_text(wanted, encoding="utf-8")
            _, problems = compare(options.root, path, wanted)
            print(f"{path}: rewritten")
        print("".join(problems), end="")
        wrong = wrong or bool(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
