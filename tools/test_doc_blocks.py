#!/usr/bin/env python3
"""doc_blocks.py finds what differs, and what is not there."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from doc_blocks import main

SOURCE = """#include <x>
int f() {
  // [body]
  // [inner]
  int x = 1;
  // [/inner]
  if (x)
    return 1;
  // [/body]
}
"""


def block(marker, code):
    return f"Text.\n\n<!-- from: {marker} -->\n```cpp\n{code}```\n\nMore.\n"


class DocBlocks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "a.cpp").write_text(SOURCE)
        self.page = self.root / "page.md"

    def run_on(self, text, *options):
        self.page.write_text(text)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = main([*options, str(self.root), str(self.page)])
        return status, output.getvalue()

    def test_an_equal_region_passes_dedented_and_without_inner_marks(self):
        code = "int x = 1;\nif (x)\n  return 1;\n"
        self.assertEqual(self.run_on(block("a.cpp#body", code)), (0, ""))

    def test_a_block_that_differs_is_shown(self):
        status, output = self.run_on(block("a.cpp#inner", "int y = 1;\n"))
        self.assertEqual(status, 1)
        self.assertIn("-int y = 1;\n+int x = 1;\n", output)

    def test_fix_rewrites_that_block_alone(self):
        text = block("a.cpp#inner", "int y = 1;\n")
        status, _ = self.run_on(text, "--fix")
        self.assertEqual(status, 0)
        fixed = text.replace("int y", "int x")
        self.assertEqual(self.page.read_text(), fixed)

    def test_a_region_or_file_that_is_not_there_is_an_error(self):
        for marker in ("a.cpp#gone", "gone.cpp#body"):
            with self.subTest(marker):
                status, output = self.run_on(block(marker, ""), "--fix")
                self.assertEqual(status, 1)
                self.assertIn("page.md:3: no ", output)

    def test_unmarked_blocks_are_left_alone(self):
        self.assertEqual(self.run_on("```cpp\nint y;\n```\n"), (0, ""))


if __name__ == "__main__":
    unittest.main()
