#!/usr/bin/env python3
"""bench_tables.py writes what the results say, and finds what differs; the
figures that count, the budget and the plots say what they should."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bench_tables import COSTS, main  # noqa: E402

import budget  # noqa: E402
import draw  # noqa: E402
import dupes  # noqa: E402
import programs  # noqa: E402
import tell  # noqa: E402
from configs import Config, all_configs  # noqa: E402

WHERE = {
    "processor": "P",
    "processors": 2,
    "kernel": "6",
    "compiler": "c++ 12",
    "commit": "abc",
    "date": "2026-01-02T03:04:05",
}


def summary(value, peer="p"):
    return {
        "peer": peer,
        "items": 1,
        "ns_per_item": [value, value, value],
        "cpu_ns_per_item": [value, value, value],
    }


def results(**values):
    """Every row that a table of costs wants, with the same figures."""
    peers = {name: summary(each) for name, each in values.items()}
    for each in peers.values():
        for _, _, figure in COSTS:
            each[figure] = each["ns_per_item"]
    rows = {row for _, row, _ in COSTS}
    return {
        "circumstances": WHERE,
        "rounds": 5,
        "programs": list(values),
        "results": {
            row: {
                "figures": [["ns_per_item", "ns"]],
                "peers": peers,
                "notes": {},
            }
            for row in sorted(rows)
        },
    }


class Tables(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "docs").mkdir()
        (self.root / "bench/results").mkdir(parents=True)
        self.page = self.root / "docs/performance.md"

    def run_on(self, found, name, *options):
        where = self.root / "bench/results/latest.json"
        where.write_text(json.dumps(found))
        if not self.page.exists():
            self.page.write_text(
                f"A\n\n<!-- figures: {name} -->\n<!-- /figures -->\n\nB\n"
            )
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = main([*options, str(self.root)])
        return status, output.getvalue()

    def test_what_is_stale_is_found_and_mended(self):
        found = results(levada=10.0, go=25.0, tokio=50.0)
        self.assertEqual(self.run_on(found, "ratios")[0], 1)
        self.assertEqual(self.run_on(found, "ratios", "--fix")[0], 0)
        self.assertEqual(self.run_on(found, "ratios")[0], 0)
        text = self.page.read_text()
        self.assertIn("| 10.0 | 25.0 | **2.50×** | tokio | 50.0 | **5.00×** |", text)
        self.assertTrue(text.startswith("A\n") and text.endswith("\nB\n"))
        later = results(levada=10.0, go=30.0, tokio=50.0)
        status, said = self.run_on(later, "ratios")
        self.assertEqual(status, 1)
        self.assertIn("docs/performance.md:3: ratios", said)

    def test_without_other_peers_there_is_no_column_for_them(self):
        self.run_on(results(levada=10.0, go=25.0), "ratios", "--fix")
        self.assertIn("| 10.0 | 25.0 | **2.50×** |\n", self.page.read_text())

    def test_costs_are_told_in_units_of_a_buffered_item(self):
        self.run_on(results(levada=10.0, go=25.0), "costs", "--fix")
        self.assertIn("at a rendezvous | 1.0 |", self.page.read_text())

    def test_a_row_that_was_not_measured_is_named(self):
        found = results(levada=10.0)
        del found["results"]["rendezvous W=2"]
        status, said = self.run_on(found, "costs", "--fix")
        self.assertEqual(status, 1)
        self.assertIn("rendezvous W=2", said)

    def test_a_table_that_is_unknown_is_named(self):
        status, said = self.run_on(results(levada=1.0), "nonsense", "--fix")
        self.assertEqual(status, 1)
        self.assertIn("no table nonsense", said)


class Figures(unittest.TestCase):
    def test_every_cost_is_a_row_that_is_measured(self):
        known = {
            (config.name, figure)
            for config in all_configs()
            for figure in (
                "ns_per_item",
                *(each for each, _ in config.figures),
            )
        }
        for _, row, figure in COSTS:
            self.assertIn((row, figure), known)

    def test_threads_stand_in_the_rows_of_threads_only(self):
        for config in all_configs():
            is_threads = config.workload.startswith("thread_")
            self.assertEqual(config.is_for("thr_std"), is_threads)
            self.assertEqual(config.is_for("thread_flume"), is_threads)
            self.assertFalse(config.is_for("boost_fiber") and is_threads)
            self.assertTrue(config.is_for("go"))

    def test_a_rendezvous_is_asked_for_by_its_capacity(self):
        for config in all_configs():
            if "rendezvous" in config.workload:
                self.assertEqual(config.asked()["cap"], "0")

    def test_an_answer_to_another_question_is_no_figure(self):
        config = Config("rendezvous W=2", "--cap 0 --workers 2")
        row = {
            "peer": "p",
            "ok": True,
            "workload": "rendezvous",
            "cap": 128,
            "workers": 2,
        }
        with self.assertRaisesRegex(programs.Failed, "cap 128 instead of 0"):
            programs.check(row, config)
        programs.check({**row, "cap": 0}, config)
        with self.assertRaisesRegex(programs.Failed, "checksum"):
            programs.check({**row, "cap": 0, "ok": False}, config)
        with self.assertRaisesRegex(programs.Failed, "unsupported"):
            programs.check({**row, "cap": 0, "peer": "p_unbounded"}, config)

    def test_the_best_of_the_others_is_the_least(self):
        row = tell.Row(
            "x",
            "ns_per_item",
            "ns",
            {"a": summary(3.0), "b": summary(2.0), "c": summary(9.0)},
            {},
        )
        self.assertEqual(row.best(["a", "c"]), "a")
        self.assertIsNone(row.best(["d"]))
        self.assertEqual(row.ratio("b", "c"), 4.5)


class Plots(unittest.TestCase):
    def test_the_circumstances_stand_under_the_bars(self):
        rows = list(tell.rows_of(results(levada=10.0, go=25.0, tokio=50.0)))
        drawn = draw.bars(rows, "levada", "go", ["tokio"], programs.told(WHERE))
        for word in ("2.5×", "P, 2 processors", "commit abc", "c++ 12"):
            self.assertIn(word, drawn)

    def test_nothing_is_drawn_of_nothing(self):
        self.assertIsNone(draw.bars([], "levada", "go", [], ""))

    def test_a_curve_may_begin_at_nothing(self):
        drawn = draw.curves("t", "n", "ns", {"a": [(0, 5.0), (10, 7.0)]}, "u")
        self.assertIn("<polyline", drawn)
        self.assertNotIn("nan", drawn)


class Groups(unittest.TestCase):
    def test_groups_stand_apart_by_empty_lines(self):
        self.assertEqual(
            dupes.blocks(b"a\nb\n\nc d\ne\n\n"), [[b"a", b"b"], [b"c d", b"e"]]
        )
        self.assertEqual(dupes.blocks(b""), [])

    def test_rdfind_names_a_group_by_its_first_file(self):
        lines = (
            b"# Automatically generated\n"
            b"DUPTYPE_FIRST_OCCURRENCE 7 0 4 66 1 1 a/x y\n"
            b"DUPTYPE_WITHIN_SAME_TREE -7 1 4 66 2 1 a/z\n"
            b"DUPTYPE_FIRST_OCCURRENCE 9 0 5 66 3 1 b\n"
        )
        self.assertEqual(
            dupes.rdfind_groups(lines), [[b"a/x y", b"a/z"], [b"b"]]
        )


class Budget(unittest.TestCase):
    def test_five_percent_more_is_too_dear(self):
        self.assertIn("too dear", budget.judge(105.0, 100.0))

    def test_five_percent_less_lowers_the_budget(self):
        self.assertIn("Lower the budget", budget.judge(95.0, 100.0))

    def test_two_percent_are_within_it(self):
        self.assertEqual(budget.judge(102.0, 100.0), "")
        self.assertEqual(budget.judge(98.0, 100.0), "")


if __name__ == "__main__":
    unittest.main()
