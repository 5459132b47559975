#!/usr/bin/env python3
"""Hold docs/coverage.md to the tests.

usage: coverage.py [--fix] [ROOT]

A row of that page is `| F-09 | what | in levada | tests |`. The last column is
generated: the tests below ROOT that carry the row's ID in their names, or, as
misuse that must not compile and examples do, in a line `// covers: F-09, G-11`.
--fix rewrites it.

Status 1 if the column is out of date, if a row has no test (and does not begin
its third column with "n/a: why"), if a row names what no header knows, if a
test carries an ID that has no row, or if a test's name would make CTest or
Catch2 run nothing at all without saying so.
"""

import argparse
import re
import sys
from collections import namedtuple
from pathlib import Path

PAGE = Path("docs/coverage.md")
ROOMS = ("runtime", "actors", "channels")
SHOWN = 3

ID = re.compile(r"\b[A-Z]-\d\d\b")
ROW = re.compile(r"^\| *(?P<id>[A-Z]-\d\d) *\|(?P<rest>.*)$")
CELL = re.compile(r"(?<!\\)\|")
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
TOKEN = re.compile(
    r'R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"'
    rf"|{LITERAL}"
    r"|(?<!\w)'(?:[^'\\\n]|\\.)+'"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)",
    re.DOTALL,
)
TEST = re.compile(
    r"\b(?:(?:TEMPLATE_(?:PRODUCT_|LIST_)?)?TEST_CASE(?:_SIG)?|SCENARIO)"
    r"(?:_METHOD(?:_SIG)?\s*\([^,\"]*,|\s*\()\s*"
    rf"(?P<name>{LITERAL}(?:\s*{LITERAL})*)"
)
COVERS = re.compile(r"^\s*// covers:(?P<ids>[^\n]*)", re.MULTILINE)
IDS_AT_END = re.compile(r" *\((?:[A-Z]-\d\d(?:, )?)+\)$")
CODE = re.compile(r"`([^`]*)`")
WORD = re.compile(r"[A-Za-z_]\w*")
PAIRS = {")": "(", "]": "[", "}": "{"}

Test = namedtuple("Test", "file line name ids")


def without_comments(text):
    """The text with comments blanked, its lines where they were."""

    def blank(match):
        if match["comment"] is None:
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def named_tests(file, text):
    """The test cases of a source; adjacent literals are one name."""
    code = without_comments(text)
    for match in TEST.finditer(code):
        parts = re.findall(LITERAL, match["name"])
        name = "".join(re.sub(r"\\(.)", r"\1", part[1:-1]) for part in parts)
        line = line_of(code, match.start())
        yield Test(file, line, name, frozenset(ID.findall(name)))


def declared_tests(file, text):
    """A program that is a test as a whole, and says what it covers."""
    ids = set()
    line = 0
    for match in COVERS.finditer(text):
        ids.update(ID.findall(match["ids"]))
        line = line or line_of(text, match.start("ids"))
    if ids:
        yield Test(file, line, "", frozenset(ids))


def all_tests(root):
    tests = []
    for folder in ("tests", "examples"):
        for path in sorted((root / folder).rglob("*.cpp")):
            file = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            whole = folder == "examples" or "compile_fail" in path.parts
            tests += (declared_tests if whole else named_tests)(file, text)
    return tests


def is_balanced(name):
    opened = []
    for char in name:
        if char in PAIRS.values():
            opened.append(char)
        elif char in PAIRS and (not opened or opened.pop() != PAIRS[char]):
            return False
    return not opened


def wrong_names(tests):
    for test in tests:
        where = f"{test.file}:{test.line}"
        if ";" in test.name:
            yield f"{where}: a test's name holds no semicolon: CMake's lists end there"
        if not is_balanced(test.name):
            yield f"{where}: a bracket in a test's name has no partner"


def escaped(text):
    return re.sub(r"([\\|`*<])", r"\\\1", text)


def shown(test):
    file = test.file.removeprefix("tests/")
    name = IDS_AT_END.sub("", test.name)
    return f"{file}: {escaped(name)}" if name else file


def tests_cell(tests):
    """The most specific tests: those that carry the fewest IDs."""
    if not tests:
        return "—"
    ranked = sorted(tests, key=lambda test: (len(test.ids), test.file, test.name))
    lines = [shown(test) for test in ranked[:SHOWN]]
    if len(ranked) > SHOWN:
        lines.append(f"… and {len(ranked) - SHOWN} more")
    return "<br>".join(lines)


def words_of_headers(root):
    words = set()
    for room in ROOMS:
        for path in (root / room).rglob("*.hpp"):
            words.update(WORD.findall(path.read_text(encoding="utf-8")))
    return words


class Page:
    """The page as it is, as it should be, and what is wrong with it."""

    def __init__(self, path, text, tests, words):
        self.path = path
        self.tests = tests
        self.words = words
        self.rows = {}
        self.problems = []
        lines = text.split("\n")
        self.wanted = "\n".join(
            self.line(number, line) for number, line in enumerate(lines, 1)
        )

    def complain(self, number, what):
        self.problems.append(f"{self.path}:{number}: {what}")

    def line(self, number, line):
        match = ROW.match(line)
        if not match:
            return line
        row = match["id"]
        cells = [cell.strip() for cell in CELL.split(match["rest"])]
        if len(cells) != 4 or cells[3]:
            self.complain(number, f"{row} has other than four columns")
            return line
        if row in self.rows:
            self.complain(number, f"{row} has a row already, {self.rows[row]}")
        self.rows[row] = f"line {number}"
        what, where, _, _ = cells
        tests = [test for test in self.tests if row in test.ids]
        self.check(number, row, where, tests)
        return f"| {row} | {what} | {where} | {tests_cell(tests)} |"

    def check(self, number, row, where, tests):
        if where.startswith("n/a"):
            if not re.match(r"n/a: \S", where):
                self.complain(number, f'{row} is "n/a: " and does not say why')
            return
        if not where:
            self.complain(number, f"{row} does not say what levada has for it")
        if not tests:
            self.complain(number, f"{row} has no test")
        named = [word for code in CODE.findall(where) for word in WORD.findall(code)]
        for word in sorted(set(named) - self.words):
            self.complain(number, f"{row} names {word}, which no header knows")


def unknown_ids(page, tests):
    for test in tests:
        for row in sorted(test.ids - page.rows.keys()):
            yield f"{test.file}:{test.line}: {row} has no row in {PAGE}"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fix", action="store_true")
    parser.add_argument(
        "root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent
    )
    options = parser.parse_args(arguments)
    path = options.root / PAGE
    text = path.read_text(encoding="utf-8")
    tests = all_tests(options.root)
    page = Page(PAGE, text, tests, words_of_headers(options.root))
    problems = page.problems
    problems += unknown_ids(page, tests)
    problems += wrong_names(tests)
    if page.wanted != text:
        if options.fix:
            path.write_text(page.wanted, encoding="utf-8")
            print(f"{PAGE}: rewritten")
        else:
            problems.append(f"{PAGE}: out of date: coverage.py --fix rewrites it")
    summary = f"{len(page.rows)} rows, {len(tests)} tests"
    print("\n".join(problems) or f"coverage: {summary}, all is well")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
