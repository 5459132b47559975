#!/usr/bin/env python3
"""Runs levada's benchmark program and its peers, and says who is how much faster.

  ./dev bench                        builds everything, then runs this
  run.py --quick                     a short look, under two minutes
  run.py --only 'spsc|ring'          some configurations
  run.py --bin DIR --add NAME=PATH   peers in DIR, and our own programs
  run.py --publish                   what README and docs/performance.md show

The programs take turns (A B C A B C ...), so that ratios hold when the speed of
the machine drifts. Absolute times are worth little, least of all on a machine
that others use: read the ratios. See README.md for the workloads.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import draw
import tell
from configs import all_configs
from programs import HERE, circumstances, measure, told

ROOT = HERE.parent


def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("--bin", type=Path, action="append",
                        help="a folder with one program per peer")
    parser.add_argument("--add", action="append", default=[],
                        metavar="NAME=PATH",
                        help="a program of ours; the first is compared")
    parser.add_argument("--only", default="", metavar="REGEX",
                        help="which configurations")
    parser.add_argument("--peers", default="", metavar="REGEX")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--ms", type=float,
                        help="how long one run should take")
    parser.add_argument("--quick", action="store_true",
                        help="one configuration a workload, short runs")
    parser.add_argument("--results", type=Path, default=HERE / "results",
                        help="where the figures and the plot go")
    parser.add_argument("--publish", action="store_true",
                        help="also into what is kept and shown: "
                             "bench/results/latest.json, docs/")
    asked = parser.parse_args()
    if asked.publish and (asked.only or asked.quick):
        parser.error("--publish shows all configurations at full length")
    asked.bin = asked.bin or [ROOT / "build/peers"]
    asked.rounds = asked.rounds or (3 if asked.quick else 5)
    asked.ms = asked.ms or (60 if asked.quick else 150)
    return asked


def programs_of(asked):
    """Ours and the peers', by name."""
    if not asked.add:
        sys.exit("run.py: nothing to measure: --add levada=PROGRAM "
                 "(./dev bench --program builds it)")
    ours = dict(each.split("=", 1) for each in asked.add)
    found = [path for folder in asked.bin if folder.is_dir()
             for path in sorted(folder.iterdir())]
    # Where two have one name, the one of the first folder counts.
    peers = {path.name: str(path) for path in reversed(found)
             if path.is_file() and os.access(path, os.X_OK)
             and re.search(asked.peers, path.name)
             and any(config.is_for(path.name) for config in all_configs())}
    # Go first: the table and the plot begin with it.
    return ours, dict(sorted(peers.items(), key=lambda each: each[0] != "go"))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    print(f"written: {path}")


def write_results(asked, found):
    stem = found["circumstances"]["date"].replace(":", "")
    figures = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    ours, peer, *others = [*found["programs"], None]
    drawing = peer and draw.bars(
        list(tell.rows_of(found)), ours, peer, [each for each in others if each],
        told(found["circumstances"]))
    print()
    write(asked.results / f"{stem}.json", figures)
    if drawing:
        write(asked.results / f"{stem}.svg", drawing)
    if asked.publish:
        write(HERE / "results/latest.json", figures)
        if drawing:
            write(ROOT / "docs/img/bench.svg", drawing)
        subprocess.run([sys.executable, ROOT / "tools/bench_tables.py", "--fix",
                        ROOT], check=True)


def measure_all(asked, programs, found):
    """Prints a line for every figure as soon as it is there."""
    first, peer, *others = [*programs, None]
    others = [each for each in others if each]
    print(tell.head(first, peer, others))
    for config in all_configs():
        if not re.search(asked.only, config.name) \
                or (asked.quick and not config.quick):
            continue
        able = {name: path for name, path in programs.items()
                if config.is_for(name)}
        summaries, notes = measure(config, able, asked.rounds, asked.ms)
        found["results"][config.name] = {
            "options": config.options, "figures": config.figures,
            "peers": summaries, "notes": notes}
        for figure, label in config.figures:
            row = tell.Row(config.name, figure, label, summaries, notes)
            print(tell.line(row, first, peer, others), flush=True)


def main():
    asked = arguments()
    ours, peers = programs_of(asked)
    programs = {**ours, **peers}
    began = time.monotonic()
    found = {"circumstances": circumstances(), "rounds": asked.rounds,
             "milliseconds": asked.ms, "programs": list(programs),
             "results": {}}
    for name, value in found["circumstances"].items():
        print(f"{name}: {value}")
    print(f"\nmedians of {asked.rounds} interleaved rounds\n")
    measure_all(asked, programs, found)
    write_results(asked, found)
    print(f"{time.monotonic() - began:.0f} s")
    wrong = {name: f"{config}: {name}: {why}"
             for config, entry in found["results"].items()
             for name, why in entry["notes"].items() if why != "unsupported"}
    print("\n".join(wrong.values()))
    if set(wrong) & set(ours):
        sys.exit("run.py: ours failed")


if __name__ == "__main__":
    main()
