#!/usr/bin/env python3
"""Counts the instructions of the hot paths and holds them to a budget.

  ./dev budget             builds the program and counts
  ./dev budget --update    and writes what it counted into the budget

No clock: callgrind counts what is executed, and one worker executes the same
each time, to a tenth of a percent. Each path of bench/budget/main.cpp runs with
two numbers of items; the difference, divided, is what one item takes, whatever
starting and stopping take.

A path that takes more than the budget and 3 % fails; so does one that takes 3 %
less, since the next one to make it dearer would not be seen: lower the budget.
Instructions depend on the compiler, so the budget names it. With another one the
counts are told, loudly, and nothing fails.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

BUDGET = Path(__file__).resolve().parent / "budget/budget.json"
PATHS = ("spsc_buffered", "rendezvous", "ping_pong", "select_set", "broadcast",
         "spawn")
FEW, MANY = 8_000, 48_000
TOLERANCE = 0.03


def counted(program, path, items):
    """How many instructions the whole run takes."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         program, path, str(items)],
        capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"budget.py: {path} failed with status {done.returncode}:\n"
                 f"{done.stderr}")
    return int(found.group(1))


def per_item(program, path):
    few, many = (counted(program, path, items) for items in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def judge(count, budget):
    """What is wrong with so many instructions an item; "" if nothing is."""
    change = count / budget - 1
    if change > TOLERANCE:
        return (f"{change:+.1%}: too dear. Make it cheaper; or, if it is worth "
                "it, say why in the commit and ./dev budget --update")
    if change < -TOLERANCE:
        return f"{change:+.1%}: cheaper. Lower the budget: ./dev budget --update"
    return ""


def tell(counts, budget):
    """Prints them; whether one is outside the budget."""
    failed = False
    print(f"{'instructions an item':<21} {'now':>7} {'budget':>7}")
    for path, count in counts.items():
        allowed = budget.get(path) if budget else None
        verdict = judge(count, allowed) if allowed else ""
        failed = failed or bool(verdict)
        print(f"{path:<21} {count:7.1f} {allowed or '–':>7} "
              f"{verdict or (f'{count / allowed - 1:+.1%}' if allowed else '')}")
    return failed


def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("program", help="bench_budget of a Release build")
    parser.add_argument("--compiler", required=True,
                        help="what built it, such as 'GNU 12.2 x86_64'")
    parser.add_argument("--update", action="store_true",
                        help="write the counts into the budget")
    return parser.parse_args()


def main():
    asked = arguments()
    budgets = json.loads(BUDGET.read_text(encoding="utf-8"))
    budget = budgets.get(asked.compiler)
    counts = {path: round(per_item(asked.program, path), 1) for path in PATHS}
    failed = tell(counts, budget)
    if asked.update:
        budgets[asked.compiler] = counts
        BUDGET.write_text(json.dumps(budgets, indent=2) + "\n",
                          encoding="utf-8")
        print(f"written as the budget for {asked.compiler}")
    elif budget is None:
        print(f"NO BUDGET FOR THIS COMPILER ({asked.compiler}): nothing was "
              f"checked. There is one for {', '.join(budgets) or 'none'}.")
    elif set(budget) != set(PATHS):
        sys.exit("budget.py: the budget has other paths: ./dev budget --update")
    elif failed:
        sys.exit("budget.py: not within the budget")


if __name__ == "__main__":
    main()
