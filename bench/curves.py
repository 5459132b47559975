#!/usr/bin/env python3
"""What things cost over their number: ns per item against tasks, channels, the
width of a select, the receivers of a broadcast, the capacity.

  ./dev bench --curves               builds the program, then runs this
  curves.py PROGRAM [--only REGEX]   some of the curves
  curves.py PROGRAM --publish        what docs/performance.md shows

Every point is the least of some runs, and the runs of a plot take turns: a knee
must be the library's, not the neighbour's. docs/performance.md explains those
there are.
"""
import argparse
import json
import re
import sys
import time
from pathlib import Path

import draw
import tell
from configs import Config
from programs import (HERE, MOST_ITEMS, Failed, circumstances, items_for,
                      run_once, told)

ROOT = HERE.parent


class Curve:
    """A line: how the workload's options follow from x, and what is read."""

    def __init__(self, name, options, xs, figure="ns_per_item", items=None):
        self.name = name
        self.options = options
        self.xs = xs
        self.figure = figure
        self.items = items

    def config(self, x):
        workload, options = self.options(x).split(" ", 1)
        return Config(workload, options, self.items(x) if self.items else None)


class Plot:
    def __init__(self, name, title, along, curves, up="ns per item"):
        self.name, self.title, self.along, self.curves, self.up = (
            name, title, along, curves, up)


def powers(base, first, last):
    return [base ** i for i in range(first, last + 1)]


# 1 2 5 10 20 50 …
def steps(first, last):
    return [factor * 10 ** power for power in range(7)
            for factor in (1, 2, 5) if first <= factor * 10 ** power <= last]


def all_plots():
    yield Plot("tasks", "Cost over the number of tasks", "tasks", [
        Curve("one hop of a token round a ring",
              lambda n: f"ring --k {n} --cap 1", powers(10, 1, 6),
              items=lambda n: max(2_000_000, 2 * n)),
        Curve("spawn and park, W=1",
              lambda n: "spawn_million --cap 1 --workers 1", powers(10, 1, 6),
              "spawn_ns", items=lambda n: n),
        Curve("wake and end, W=1",
              lambda n: "spawn_million --cap 1 --workers 1", powers(10, 1, 6),
              "release_ns", items=lambda n: n)])
    yield Plot("channels", "Cost over the number of channels, used in turn",
               "channels", [
                   Curve(f"capacity {cap}",
                         lambda n, cap=cap: f"in_turn --k {n} --cap {cap}",
                         steps(1, 100_000),
                         items=lambda n: max(1_000_000, 4 * n))
                   for cap in (1, 16)])
    yield Plot("select", "Cost over the width of a select", "channels", [
        Curve(f"{how}, {'all' if busy else 'one'} busy, W={workers}",
              lambda k, how=how, busy=busy, workers=workers:
              f"wide_{how} --k {k} --producers {k if busy else 1} --cap 16 "
              f"--workers {workers}",
              powers(2, 0, most))
        for how, busy, workers, most in (
            ("select_set", True, 2, 10), ("select_set", True, 1, 10),
            ("select_set", False, 1, 10), ("select", True, 1, 6),
            ("select", False, 1, 6))])
    yield Plot("broadcast", "Cost over the receivers of a broadcast",
               "receivers", [
                   Curve(f"capacity 128, W={workers}",
                         lambda r, workers=workers:
                         f"broadcast --consumers {r} --cap 128 "
                         f"--workers {workers}",
                         powers(2, 0, 10), "ns_per_delivery",
                         items=lambda r: max(2_000, 1_500_000 // r))
                   for workers in (1, 2)], "ns per delivery")
    yield Plot("capacity", "Cost over the capacity of a channel", "capacity", [
        Curve(f"one to one, W={workers}",
              lambda c, workers=workers:
              f"spsc_buffered --cap {c} --workers {workers}",
              [0, *steps(1, 1_000_000)], items=lambda c: 4_000_000)
        for workers in (1, 2)])


def measure(plot, program, rounds, milliseconds):
    """[(x, figure), ...] for every curve; points that fail are told."""
    runs = []
    for curve in plot.curves:
        for x in curve.xs:
            config = curve.config(x)
            try:
                items = items_for(program, config, milliseconds)
                runs.append((curve, x, config, min(items, MOST_ITEMS)))
            except Failed as why:
                sys.exit(f"curves.py: {curve.name}, {x}: {why}")
    found = {}
    for _ in range(rounds):
        for curve, x, config, items in runs:
            row = run_once(program, config, items)
            found.setdefault((curve.name, x), []).append(row[curve.figure])
    return {curve.name: [(x, round(min(found[curve.name, x]), 2))
                         for x in curve.xs] for curve in plot.curves}


def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("program", help="levada_peer of a Release build")
    parser.add_argument("--only", default="", metavar="REGEX",
                        help="which plots")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ms", type=float, default=40,
                        help="how long one run should take")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--publish", action="store_true",
                        help="also into what is kept and shown: "
                             "bench/results/curves.json, docs/img/")
    asked = parser.parse_args()
    if asked.publish and asked.only:
        parser.error("--publish shows all plots")
    return asked


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def main():
    asked = arguments()
    began = time.monotonic()
    where = circumstances()
    found = {"circumstances": where, "rounds": asked.rounds, "plots": {}}
    folders = [asked.results] + [ROOT / "docs/img"] * asked.publish
    for plot in all_plots():
        if not re.search(asked.only, plot.name):
            continue
        lines = measure(plot, asked.program, asked.rounds, asked.ms)
        found["plots"][plot.name] = lines
        print(f"\n{plot.title}: {plot.up}")
        for name, points in lines.items():
            print(f"  {' '.join(name.split()):<40}",
                  " ".join(f"{x}:{tell.number(y)}" for x, y in points),
                  flush=True)
        drawing = draw.curves(plot.title, plot.along, plot.up,
                              lines, told(where))
        for folder in folders:
            write(folder / f"curve_{plot.name}.svg", drawing)
    figures = json.dumps(found, ensure_ascii=False, indent=1)
    # A point a line.
    figures = re.sub(r"\[\s+([\d.]+),\s+([\d.]+)\s+\]", r"[\1, \2]", figures)
    name = "curves.json" if asked.publish else "curves-last.json"
    write(asked.results / name, figures + "\n")
    print(f"\nplots: {asked.results}/curve_*.svg; "
          f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
