#!/usr/bin/env python3
"""Runs levada's benchmark program and its peers, and says who is how much faster.

  ./dev bench                        builds everything, then runs this
  run.py --quick                     a short look, under two minutes
  run.py --only 'spsc|ring'          some configurations
  run.py --bin DIR --add NAME=PATH   peers in DIR, and our own programs

The programs take turns (A B C A B C ...), so that ratios hold when the speed of
the machine drifts. Absolute times are worth little, least of all on a machine
that others use: read the ratios. See README.md for the workloads.
"""
import argparse
import datetime
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 90
MOST_ITEMS = 20_000_000

# Columns beyond the times, for the workloads that have them.
EXTRAS = (
    "bytes_per_task", "spawn_ns", "release_ns", "arm_ns", "cancel_ns",
    "us_total", "late_us_p50", "late_us_p99")


class Config:
    """One workload with its options. `items`: given, else found by trying."""

    def __init__(self, name, options, items=None, quick=False):
        self.name = name
        self.workload = name.split()[0]
        self.options = options.split()
        self.items = items
        self.quick = quick


def all_configs():
    yield from stream_configs()
    yield from select_configs()
    yield from network_configs()
    yield from crowd_configs()
    yield from thread_configs()


def stream_configs():
    for cap in (1, 16, 128, 1024):
        yield Config(f"spsc_buffered cap={cap}", f"--cap {cap}",
                     quick=cap == 128)
    yield Config("spsc_buffered cap=128 W=1", "--cap 128 --workers 1")
    yield Config("spsc_buffered cap=128 struct", "--cap 128 --payload s64")
    yield Config("spsc_buffered cap=128 string", "--cap 128 --payload str")
    for n in (4, 16):
        yield Config(f"mpmc_buffered {n}x{n} cap=128",
                     f"--producers {n} --consumers {n} --cap 128",
                     quick=n == 4)
    for workers in (1, 2):
        yield Config(f"rendezvous W={workers}", f"--workers {workers}",
                     quick=workers == 2)
    for cap in (0, 1):
        for workers in (1, 2):
            yield Config(f"ping_pong cap={cap} W={workers}",
                         f"--cap {cap} --workers {workers}",
                         quick=cap == 1 and workers == 2)


def select_configs():
    for k in (2, 8, 64):
        yield Config(f"fan_in_select K={k} cap=16", f"--k {k} --cap 16",
                     quick=k == 8)
    yield Config("fan_in_select K=8 cap=0", "--k 8 --cap 0")
    for receivers in (1, 4, 16):
        yield Config(f"broadcast R={receivers} cap=128",
                     f"--consumers {receivers} --cap 128",
                     quick=receivers == 4)


def network_configs():
    for cap in (0, 1):
        for workers in (1, 2):
            yield Config(f"sieve 2000 cap={cap} W={workers}",
                         f"--cap {cap} --workers {workers}", 2000,
                         quick=cap == 1 and workers == 2)
    for cap in (0, 1):
        yield Config(f"ring 1000 cap={cap}", f"--k 1000 --cap {cap}",
                     quick=cap == 0)
    yield Config("skynet 1M cap=10", "--cap 10", 1_000_000, quick=True)


def crowd_configs():
    yield Config("spawn_million", "--cap 1", 1_000_000, quick=True)
    yield Config("close_latency 10k", "--cap 16", 10_000, quick=True)
    yield Config("timers 100k", "--cap 1", 100_000, quick=True)
    yield Config("timers_fire 100k", "--cap 1 --k 2", 100_000)
    yield Config("timers_fire 100k on one channel", "--cap 1 --k 1", 100_000)


def thread_configs():
    for cap in (1, 128):
        yield Config(f"thread_spsc cap={cap}", f"--cap {cap}",
                     quick=cap == 128)
    yield Config("thread_rendezvous", "")
    yield Config("thread_ping_pong cap=1", "--cap 1", quick=True)
    yield Config("thread_mpmc 4x4 cap=128",
                 "--producers 4 --consumers 4 --cap 128")


# --- Running -----------------------------------------------------------------

class Failed(Exception):
    """A run that gave no figure; the message says why."""


def run_once(program, config, items, timeout=TIMEOUT_S):
    """The JSON line of one repetition."""
    command = [program, config.workload, "--items", str(items),
               *config.options]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise Failed("timeout") from None
    except OSError as error:
        raise Failed(error.strerror) from None
    lines = [line for line in done.stdout.splitlines()
             if line.startswith("{")]
    if done.returncode == 3:
        raise Failed("unsupported")
    if done.returncode == 1:
        raise Failed("wrong checksum")
    if done.returncode != 0 or not lines:
        raise Failed(f"exit status {done.returncode}")
    return json.loads(lines[-1])


def items_for(program, config, milliseconds):
    """How many items keep the program busy for so long."""
    if config.items:
        return config.items
    items = 300 if config.workload.startswith("thread") else 20_000
    while True:
        took = run_once(program, config, items, 20)["ns_total"] / 1e6
        if took >= 15 or items >= MOST_ITEMS:
            wanted = int(items * milliseconds / max(took, 0.001))
            return max(20, min(MOST_ITEMS, wanted))
        items *= 8


def measure(config, programs, rounds, milliseconds):
    """Rows of every program that has the workload, and why others have not."""
    items, rows, notes = {}, {}, {}
    for name, path in programs.items():
        try:
            items[name] = items_for(path, config, milliseconds)
        except Failed as why:
            notes[name] = str(why)
    for _ in range(rounds):
        for name in list(items):
            try:
                row = run_once(programs[name], config, items[name])
                rows.setdefault(name, []).append(row)
            except Failed as why:
                notes[name] = str(why)
                del items[name]
                rows.pop(name, None)
    return rows, notes


def median(rows, figure):
    return statistics.median(row[figure] for row in rows)


def summarize(rows):
    first = rows[0]
    figures = ["ns_per_item", "cpu_ns_per_item"]
    figures += [name for name in EXTRAS if name in first]
    summary = {name: median(rows, name) for name in figures}
    summary["ns_per_item_min"] = min(row["ns_per_item"] for row in rows)
    summary["items"] = first["items"]
    return summary


# --- Telling -----------------------------------------------------------------

def number(value):
    if value < 100:
        return f"{value:.1f}"
    return f"{value:,.0f}"


def ratio(summaries, ours, peer):
    """How many times longer the peer takes; None when one is missing."""
    if ours not in summaries or peer not in summaries:
        return None
    return summaries[peer]["ns_per_item"] / summaries[ours]["ns_per_item"]


def table_head(ours, peers):
    cells = ["workload", f"{ours}, ns", "cpu ns"]
    for peer in peers:
        cells += [f"{peer}, ns", f"{peer} / {ours}"]
    cells.append("more")
    return (f"| {' | '.join(cells)} |\n"
            f"|---|{'---:|' * (len(cells) - 2)}---|")


def more_of(summary):
    return ", ".join(f"{name} {number(summary[name])}"
                     for name in EXTRAS if name in summary)


def table_row(config, summaries, notes, ours, peers):
    cells = [config.name]
    if ours in summaries:
        cells += [number(summaries[ours]["ns_per_item"]),
                  number(summaries[ours]["cpu_ns_per_item"])]
    else:
        cells += [notes.get(ours, "–"), ""]
    for peer in peers:
        times = ratio(summaries, ours, peer)
        cells.append(number(summaries[peer]["ns_per_item"])
                     if peer in summaries else notes.get(peer, "–"))
        cells.append(f"**{times:.2f}×**" if times else "")
    cells.append("; ".join(f"{name}: {more_of(summaries[name])}"
                           for name in [ours, *peers]
                           if name in summaries and more_of(summaries[name])))
    return f"| {' | '.join(cells)} |"


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              cwd=HERE, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*: (.*)", text)
    return found.group(1) if found else platform.machine()


def circumstances():
    compiler = output_of(os.environ.get("CXX", "c++"), "--version")
    dirty = output_of("git", "status", "--porcelain", "--untracked-files=no")
    return {
        "date": datetime.datetime.now().isoformat(timespec="seconds"),
        "commit": output_of("git", "rev-parse", "--short", "HEAD")
                  + ("+changes" if dirty else ""),
        "processor": processor(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "compiler": compiler.splitlines()[0] if compiler else "unknown",
        "load_before": os.getloadavg()[0],
    }


# --- The plot ----------------------------------------------------------------

ROW, LEFT, WIDTH, TOP = 20, 250, 460, 60


def plot(results, ours, peer):
    """Bars: how many times longer than us the peer takes, on a log scale."""
    bars = [(name, ratio(entry["peers"], ours, peer))
            for name, entry in results.items()]
    bars = [(name, times) for name, times in bars if times]
    if not bars:
        return None
    most = max(2.0, *(times for _, times in bars))
    least = min(0.5, *(times for _, times in bars))
    span = math.log(most / least)

    def x(times):
        return LEFT + WIDTH * math.log(times / least) / span

    height = TOP + ROW * len(bars) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 80}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="24" font-size="15">Time of {peer} / time of {ours}: '
        'longer bars are better for us</text>']
    for tick in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64):
        if least <= tick <= most:
            parts.append(
                f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 8}" '
                f'y2="{height - 8}" stroke="{"black" if tick == 1 else "#ddd"}'
                f'"/><text x="{x(tick):.1f}" y="{TOP - 12}" '
                f'text-anchor="middle">{tick:g}×</text>')
    for i, (name, times) in enumerate(bars):
        y = TOP + ROW * i
        start, end = sorted((x(1), x(times)))
        colour = "#2a7f9e" if times >= 1 else "#c0504d"
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>'
            f'<rect x="{start:.1f}" y="{y + 3}" width="{end - start:.1f}" '
            f'height="{ROW - 6}" fill="{colour}"/>'
            f'<text x="{end + 5:.1f}" y="{y + 14}">{times:.1f}×</text>')
    return "\n".join([*parts, "</svg>", ""])


# --- The command -------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("--bin", type=Path, default=HERE / "../build/peers",
                        help="folder with one program per peer")
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
    asked = parser.parse_args()
    asked.rounds = asked.rounds or (3 if asked.quick else 5)
    asked.ms = asked.ms or (60 if asked.quick else 150)
    return asked


def programs_of(asked):
    """Ours and the peers', by name."""
    if not asked.add:
        sys.exit("run.py: nothing to measure: --add levada=PROGRAM "
                 "(./dev bench --program builds it)")
    ours = dict(each.split("=", 1) for each in asked.add)
    found = sorted(asked.bin.iterdir()) if asked.bin.is_dir() else []
    peers = {path.name: str(path) for path in found
             if path.is_file() and os.access(path, os.X_OK)
             and re.search(asked.peers, path.name)}
    return ours, peers


def write_results(folder, found, ours, peers):
    folder.mkdir(parents=True, exist_ok=True)
    stem = found["circumstances"]["date"].replace(":", "")
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"\nFigures: {path}")
    for peer in peers:
        drawing = plot(found["results"], ours, peer)
        if drawing:
            path = folder / f"{stem}-{peer}.svg"
            path.write_text(drawing, encoding="utf-8")
            print(f"Plot: {path}")


def main():
    asked = arguments()
    ours, peers = programs_of(asked)
    programs = {**ours, **peers}
    first, *others = programs
    began = time.monotonic()
    found = {"circumstances": circumstances(), "rounds": asked.rounds,
             "milliseconds": asked.ms, "results": {}}
    for name, value in found["circumstances"].items():
        print(f"{name}: {value}")
    print(f"\nns per item, medians of {asked.rounds} interleaved rounds\n")
    print(table_head(first, others))
    wrong = []
    for config in all_configs():
        if not re.search(asked.only, config.name) \
                or (asked.quick and not config.quick):
            continue
        rows, notes = measure(config, programs, asked.rounds, asked.ms)
        summaries = {name: summarize(each) for name, each in rows.items()}
        found["results"][config.name] = {
            "options": config.options, "peers": summaries, "notes": notes}
        print(table_row(config, summaries, notes, first, others), flush=True)
        wrong += [f"{config.name}: {name}: {why}" for name, why in notes.items()
                  if name in ours and why != "unsupported"]
    write_results(asked.results, found, first, others)
    print(f"{time.monotonic() - began:.0f} s")
    if wrong:
        sys.exit("run.py: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
