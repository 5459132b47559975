#!/usr/bin/env python3
"""coverage.py finds tests, rows without them, and what is out of date."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from coverage import main

HEADER = "class sender { void send(); };  // and make_channel"


def row(name, where="`send`", tests="—"):
    return f"| {name} | what it is | {where} | {tests} |\n"


def case(name, macro="TEST_CASE"):
    return f'{macro}("{name}") {{\n}}\n'


class Coverage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.page = self.root / "docs/coverage.md"
        self.write("channels/sender.hpp", HEADER)

    def write(self, file, text):
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run_on(self, page, *options):
        self.write("docs/coverage.md", page)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = main([*options, str(self.root)])
        return status, output.getvalue()

    def fixed(self, page):
        self.run_on(page, "--fix")
        return self.page.read_text(encoding="utf-8")

    def test_fix_names_file_and_test_and_then_all_is_well(self):
        self.write("tests/channels/a.cpp", case("a value arrives (G-01)"))
        text = "Head | of\n\n| row | what | in levada | tests |\n" + row("G-01")
        self.assertEqual(self.run_on(text)[0], 1)
        self.assertEqual(self.run_on(text, "--fix")[0], 0)
        wanted = text.replace("—", "channels/a.cpp: a value arrives")
        self.assertEqual(self.page.read_text(encoding="utf-8"), wanted)
        status, output = self.run_on(wanted)
        self.assertEqual((status, output[:9]), (0, "coverage:"))

    def test_a_column_out_of_date_is_told_and_left_as_it_is(self):
        self.write("tests/a.cpp", case("new (G-01)"))
        text = row("G-01", tests="a.cpp: old")
        status, output = self.run_on(text)
        self.assertEqual(status, 1)
        self.assertIn("out of date", output)
        self.assertEqual(self.page.read_text(encoding="utf-8"), text)

    def test_adjacent_literals_are_one_name_also_with_quotes_in_it(self):
        source = 'TEST_CASE(\n  "says \\"no\\" "\n  "(G-01)",\n  "[tag]") {}\n'
        self.write("tests/a.cpp", source)
        self.assertIn('a.cpp: says "no" |', self.fixed(row("G-01")))

    def test_templates_and_methods_are_tests_and_sections_are_not(self):
        source = (
            'TEMPLATE_TEST_CASE("t (G-01)", "[x]", int, long) {\n'
            '  SECTION("s (G-03)") {}\n}\n'
            'TEST_CASE_METHOD(fixture, "m (G-02)") {}\n'
        )
        self.write("tests/a.cpp", source)
        status, output = self.run_on(row("G-01") + row("G-02") + row("G-03"), "--fix")
        self.assertEqual(status, 1)
        self.assertEqual(output.count("has no test"), 1)
        self.assertIn("G-03 has no test", output)

    def test_what_stands_in_a_comment_is_no_test(self):
        source = "// " + case("one (G-01)") + "/* " + case("two (G-01)") + " */\n"
        self.write("tests/a.cpp", source + 'auto url = "http://x"; /**/')
        status, output = self.run_on(row("G-01"), "--fix")
        self.assertIn("G-01 has no test", output)
        self.assertEqual(status, 1)

    def test_a_comment_sign_in_a_string_hides_no_test(self):
        source = 'auto u = "http://x"; ' + case("one (G-01)")
        raw = 'auto r = R"(// " /*)"; ' + case("two (G-02)")
        self.write("tests/a.cpp", source + raw)
        self.assertEqual(self.run_on(row("G-01") + row("G-02"), "--fix")[0], 0)

    def test_examples_and_misuse_say_what_they_cover(self):
        self.write("tests/compile_fail/a.cpp", "// expect: x\n// covers: G-11\n")
        self.write("examples/b.cpp", "// covers: J-01, G-11\nint main() {}\n")
        self.write("tests/c.cpp", "// covers: J-01\n")  # there the name does
        text = self.fixed(row("G-11") + row("J-01"))
        self.assertIn("| compile_fail/a.cpp<br>examples/b.cpp |", text)
        self.assertIn("| J-01 | what it is | `send` | examples/b.cpp |", text)

    def test_the_most_specific_three_are_shown_in_a_fixed_order(self):
        names = ["wide (G-01, G-02)", "d (G-01)", "c (G-01)", "b (G-01)"]
        self.write("tests/z.cpp", "".join(map(case, names)))
        self.write("tests/a.cpp", case("e (G-01)"))
        wanted = "a.cpp: e<br>z.cpp: b<br>z.cpp: c<br>… and 2 more"
        self.assertIn(wanted, self.fixed(row("G-01") + row("G-02")))

    def test_characters_of_markdown_are_escaped_and_read_again(self):
        self.write("tests/a.cpp", case("a | b*c* <d> (G-01)"))
        text = self.fixed(row("G-01"))
        self.assertIn(r"a \| b\*c\* \<d> |", text)
        self.assertEqual(self.run_on(text)[0], 0)

    def test_a_row_that_does_not_apply_says_why_and_may_have_tests(self):
        self.write("tests/a.cpp", case("not so (J-02)"))
        text = row("F-18", "n/a: theirs") + row("J-02", "n/a: a defect")
        self.assertEqual(self.run_on(text, "--fix")[0], 0)
        self.assertIn("a.cpp: not so", self.page.read_text(encoding="utf-8"))
        for silent in ("n/a", "n/a: ", "n/a because"):
            with self.subTest(silent):
                status, output = self.run_on(row("F-18", silent) + text)
                self.assertEqual(status, 1)
                self.assertIn("does not say why", output)

    def test_an_id_without_a_row_is_told_with_its_place(self):
        self.write("tests/a.cpp", "\n" + case("x (G-01, G-99)"))
        status, output = self.run_on(row("G-01"), "--fix")
        self.assertEqual(status, 1)
        self.assertIn("tests/a.cpp:2: G-99 has no row", output)

    def test_a_row_twice_or_without_its_columns_is_told(self):
        self.write("tests/a.cpp", case("x (G-01)"))
        for text in (row("G-01") * 2, "| G-01 | what | `send` |\n", row("G-01", "")):
            with self.subTest(text):
                self.assertEqual(self.run_on(text, "--fix")[0], 1)

    def test_a_name_that_no_header_knows_is_told(self):
        self.write("tests/a.cpp", case("x (G-01)"))
        known = row("G-01", "`sender::send`, made by `make_channel`, not words")
        self.assertEqual(self.run_on(known, "--fix")[0], 0)
        status, output = self.run_on(row("G-01", "`sender::sned`"), "--fix")
        self.assertEqual(status, 1)
        self.assertIn("G-01 names sned", output)

    def test_names_that_make_ctest_run_nothing_are_told_with_or_without_id(self):
        for name in ("a; b", "half [open", "a) b", "(a [b) c]"):
            with self.subTest(name):
                self.write("tests/a.cpp", case(name))
                status, output = self.run_on("", "--fix")
                self.assertEqual(status, 1)
                self.assertIn("tests/a.cpp:1: a", output)
        self.write("tests/a.cpp", case("f(x) of a[i] {b}"))
        self.assertEqual(self.run_on("")[0], 0)


if __name__ == "__main__":
    unittest.main()
