#!/usr/bin/env python3
"""Runs examples/dupes against jdupes, fdupes and rdfind: are the groups the same,
and who is faster?

  ./dev bench --dupes [FOLDER...]     builds dupes, then runs this
  dupes.py PROGRAM [FOLDER...]        /usr, if nothing is named

All four are asked the same: below the folders, symbolic links not followed,
empty files left out, hard links to one file being one file; all four read whole
files (rdfind trusts a checksum, the others compare byte by byte). Groups are
compared as sets of files (device and inode), since of several hard links each
tool names another. The programs take turns, after a round that warms the cache.
Status 1 if the groups differ.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 600


def blocks(output):
    """Groups of paths, apart by empty lines."""
    return [block.split(b"\n") for block in output.strip(b"\n").split(b"\n\n")
            if block]


def rdfind_groups(output):
    """Its results name a group by the number of its first file."""
    groups = {}
    for line in output.splitlines():
        if not line.startswith(b"DUPTYPE"):
            continue
        fields = line.split(b" ", 7)
        groups.setdefault(abs(int(fields[1])), []).append(fields[7])
    return list(groups.values())


class Tool:
    def __init__(self, name, command, groups_of=blocks, results=None):
        self.name, self.command, self.groups_of, self.results = (
            name, command, groups_of, results)

    def run(self, folders):
        """How long it took, and what it wrote."""
        began = time.monotonic()
        done = subprocess.run([*self.command, *folders], timeout=LIMIT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
        took = time.monotonic() - began
        if done.returncode != 0:
            sys.exit(f"dupes.py: {self.name} failed:\n"
                     f"{done.stderr.decode(errors='replace')}")
        return took, (self.results.read_bytes() if self.results
                      else done.stdout)

    def files(self, output):
        """The groups as sets of files."""
        result = set()
        for group in self.groups_of(output):
            files = {(facts.st_dev, facts.st_ino)
                     for facts in map(os.lstat, group)}
            if len(files) > 1:
                result.add(frozenset(files))
        return result


def tools(program, folder):
    results = folder / "rdfind.txt"
    yield Tool("dupes", [program])
    yield Tool("jdupes", ["jdupes", "-q", "-r"])
    yield Tool("fdupes", ["fdupes", "-q", "-r", "-n"])
    yield Tool("rdfind", ["rdfind", "-makeresultsfile", "true", "-outputname",
                          str(results)], rdfind_groups, results)


def tell_differences(tool, groups, wanted):
    for which, those in (("only", groups - wanted), ("not", wanted - groups)):
        if those:
            print(f"  {tool.name}: {len(those)} groups {which} there; of "
                  f"inodes {sorted(sorted(next(iter(those))))}")


def main():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("program")
    parser.add_argument("folders", nargs="*", default=["/usr"])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        all_tools = [tool for tool in tools(asked.program, Path(folder))
                     if shutil.which(tool.command[0])]
        found, times = {}, {tool.name: [] for tool in all_tools}
        for tool in all_tools:
            found[tool.name] = tool.files(tool.run(asked.folders)[1])
        for _ in range(asked.rounds):
            for tool in all_tools:
                times[tool.name].append(tool.run(asked.folders)[0])
    ours, *others = all_tools
    wanted = found[ours.name]
    unit = statistics.median(times[ours.name])
    print(f"{' '.join(asked.folders)}: {len(wanted)} groups; medians of "
          f"{asked.rounds} runs in turns, the cache warm\n\n"
          "| program | seconds | it / dupes | groups |\n|---|---:|---:|---|")
    for tool in all_tools:
        seconds = statistics.median(times[tool.name])
        print(f"| {tool.name} | {seconds:.2f} | {seconds / unit:.2f}× | "
              f"{'the same' if found[tool.name] == wanted else 'others'} |")
    for tool in others:
        tell_differences(tool, found[tool.name], wanted)
    if any(each != wanted for each in found.values()):
        sys.exit("dupes.py: the groups differ")


if __name__ == "__main__":
    main()
