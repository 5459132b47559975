#!/usr/bin/env python3
"""Hold the figures in the documentation to the results they come from.

usage: bench_tables.py [--fix] [ROOT]

What stands in docs/performance.md and README.md between

    <!-- figures: NAME -->
    <!-- /figures -->

must equal what this writes from bench/results/latest.json (`./dev bench
--publish`). NAME is
    ratios         every figure measured, as ratios to the peers
    costs          what an operation costs, in units of a buffered item
    circumstances  machine, compiler and commit
--fix rewrites it. Status 1 if something differs, or names what is not there.
"""

import argparse
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
import tell  # noqa: E402
from programs import told  # noqa: E402

PAGES = ("README.md", "docs/performance.md")
RESULTS = "bench/results/latest.json"
BLOCK = re.compile(
    r"(?P<head>^<!-- figures: (?P<name>\S+) -->\n)(?P<text>.*?)"
    r"(?P<tail>^<!-- /figures -->$)",
    re.DOTALL | re.MULTILINE,
)

UNIT = "spsc_buffered cap=128"

# What users do, by the row that measures it: (what, row, figure).
COSTS = (
    ("an item through a buffered channel", UNIT, "ns_per_item"),
    ("… of a struct of 64 bytes",
     "spsc_buffered cap=128 struct", "ns_per_item"),
    ("… of a string on the heap",
     "spsc_buffered cap=128 string", "ns_per_item"),
    ("… from four senders to four receivers",
     "mpmc_buffered 4x4 cap=128", "ns_per_item"),
    ("… at a rendezvous", "rendezvous W=2", "ns_per_item"),
    ("… through a pipeline of 2,000 tasks, each hop",
     "sieve 2000 cap=1 W=2", "ns_per_item"),
    ("a question and its answer", "ping_pong cap=1 W=2", "ns_per_item"),
    ("an event of a `select_set` of 8",
     "fan_in_select K=8 cap=16", "ns_per_item"),
    ("an event of a `select_set` of 64",
     "fan_in_select K=64 cap=16", "ns_per_item"),
    ("a delivery of a broadcast to 16",
     "broadcast R=16 cap=128", "ns_per_delivery"),
    ("a channel, a task parked on it, a value for it, its end",
     "spawn_million", "ns_per_item"),
    ("a select with a time limit: to begin waiting, with its task and channel",
     "timers 100k", "arm_ns"),
    ("… to be served in time, and to end", "timers 100k", "cancel_ns"),
    ("waking one of 10,000 that wait, by closing",
     "close_latency 10k", "ns_per_item"),
    ("an item between two threads that block",
     "thread_spsc cap=128", "ns_per_item"),
    ("a question and its answer between two threads",
     "thread_ping_pong cap=1", "ns_per_item"),
)


class Missing(Exception):
    """A table that nobody can write."""


def circumstances(found):
    return (
        f"{told(found['circumstances'])}; medians of {found['rounds']} rounds "
        "in turns.\n"
    )


def costs(found):
    ours = found["programs"][0]

    def figure(row, name):
        try:
            return found["results"][row]["peers"][ours][name][0]
        except KeyError:
            raise Missing(f"no {name} of {row} in {RESULTS}") from None

    unit = figure(UNIT, "ns_per_item")
    lines = ["| operation | costs |", "|---|---:|"]
    for what, row, name in COSTS:
        lines.append(f"| {what} | {figure(row, name) / unit:.1f} |")
    return "\n".join(lines) + "\n"


TABLES = {"circumstances": circumstances, "ratios": tell.table, "costs": costs}


def compare(path, text, found):
    """The text as it should be, and what is wrong with it as it is."""
    problems = []

    def replace(match):
        line = text.count("\n", 0, match.start()) + 1
        try:
            if match["name"] not in TABLES:
                raise Missing(f"no table {match['name']}")
            wanted = TABLES[match["name"]](found)
        except Missing as missing:
            problems.append(f"{path}:{line}: {missing}")
            return match[0]
        if match["text"] != wanted:
            problems.append(
                f"{path}:{line}: {match['name']} is not what "
                f"{RESULTS} says"
            )
        return match["head"] + wanted + match["tail"]

    return BLOCK.sub(replace, text), problems


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("root", nargs="?", default=".", type=Path)
    asked = parser.parse_args(arguments)
    found = json.loads((asked.root / RESULTS).read_text(encoding="utf-8"))
    status = 0
    for name in PAGES:
        page = asked.root / name
        if not page.is_file():
            continue
        text = page.read_text(encoding="utf-8")
        wanted, problems = compare(name, text, found)
        if wanted != text and asked.fix:
            page.write_text(wanted, encoding="utf-8")
            # What could not be written is still wrong.
            problems = compare(name, wanted, found)[1]
        for problem in problems:
            print(problem)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
