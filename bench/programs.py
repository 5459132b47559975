"""Running the programs that speak the command line of README.md, and what they
ran on."""
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 90
MOST_ITEMS = 20_000_000


class Failed(Exception):
    """A run that gave no figure; the message says why."""


def run_once(program, config, items, timeout=TIMEOUT_S):
    """The JSON line of one repetition, which did what was asked for."""
    command = [program, config.workload, "--items", str(items),
               *config.options]
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise Failed("timeout") from None
    except OSError as error:
        raise Failed(error.strerror) from None
    # moodycamel's says a word of its own before the brace
    lines = [line[line.index("{"):] for line in done.stdout.splitlines()
             if "{" in line]
    if done.returncode == 3:
        raise Failed("unsupported")
    if done.returncode == 1:
        raise Failed("wrong checksum")
    if done.returncode != 0 or not lines:
        raise Failed(f"exit status {done.returncode}")
    row = json.loads(lines[-1])
    check(row, config)
    return row


def check(row, config):
    if row["ok"] is not True:
        raise Failed("wrong checksum")
    for option, value in config.asked().items():
        if str(row[option]) != value:
            raise Failed(f"did {option} {row[option]} instead of {value}")
    if config.asked().get("cap") == "0" and "unbounded" in row["peer"]:
        raise Failed("unsupported")  # whatever it did was no rendezvous


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
    """What every program that has the workload found, in turns, and why others
    found nothing."""
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
    return {name: summarize(each) for name, each in rows.items()}, notes


def summarize(rows):
    """Each figure's median, and its least and most."""
    summary = {"peer": rows[0]["peer"], "items": rows[0]["items"]}
    for figure, value in rows[0].items():
        if isinstance(value, float):
            values = [row[figure] for row in rows]
            summary[figure] = [statistics.median(values), min(values),
                               max(values)]
    return summary


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
        "load_before": round(os.getloadavg()[0], 2),
    }


def told(where):
    """The circumstances as one line of text."""
    return (f"{where['processor']}, {where['processors']} processors; Linux "
            f"{where['kernel']}; {where['compiler']}; commit "
            f"{where['commit']}; {where['date'][:10]}")
