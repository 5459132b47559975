#!/usr/bin/env python3
"""Flag co_await and co_yield where g++ 12.1 and 12.2 miscompile them.

usage: coawait_lint.py FILE_OR_FOLDER...      status 1 if anything is flagged

The rule: one co_await per full expression, only in these forms

    co_await e;   T v = co_await e;   v = co_await e;   co_return co_await e;
    while (auto v = co_await e)

and in that expression no braces, no ?:, no && or ||, no lambda with by-value
captures, no new, no throw. Each family of miscompilation has a name:

    G1  a condition with co_await may never resume
    G2  a temporary aggregate or closure is destroyed twice
    G3  so is what ?: yields
    G4  a braced list is rejected, or its elements are destroyed twice
    G5  so are the operands of new and throw
    G6  two awaits in one expression: not a known bug, but not in the rule

`// coawait-lint: ok` on the line silences it. The check reads text, not types,
so it also flags forms that happen to be safe. In a .md file only the ```cpp
blocks are read.
"""

import re
import sys
from pathlib import Path

SILENCED = "/*OK*/"
OPEN, CLOSE = "([{", ")]}"
CONDITIONS = ("if", "while", "switch")

AWAIT = re.compile(r"(?<!\boperator )\bco_(?:await|yield)\b")
NOT_CODE = re.compile(
    r"""//[^\n]*                     # a comment to the end of the line
      | /\*.*?\*/                    # a comment
      | R"\((?:.|\n)*?\)"            # a raw string
      | "(?:\\.|[^"\\\n])*"          # a string
      | '(?:\\.|[^'\\\n])*'          # a character
    """,
    re.DOTALL | re.VERBOSE,
)
BEFORE_BLOCK = re.compile(
    r"(\)|\belse|\bdo|\btry|;|\{|\}|:|\bnoexcept|\bmutable|\bconst|\boverride"
    r"|->\s*[\w:<>,\s&*]+)$"
)
WORD_BEFORE = re.compile(r"([A-Za-z_]\w*)\s*(?:constexpr\s*)?$")
ASSERTION = re.compile(r"^(REQUIRE|CHECK|ASSERT|EXPECT|CHK)")
DECLARATION = re.compile(
    r"\s*(?:const\s+)?[\w:<>,&*\s\[\]]+?[&\s\]][\w\]]*\s*=\s*co_await\b"
)
REFERENCE_DECLARATION = re.compile(r"(auto|[\w>])\s*&&\s*\w+\s*=")
CAPTURE_COMMA = re.compile(r",(?![^(<{]*[)>}])")
CPP_BLOCK = re.compile(r"^```cpp[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blank(text):
    """As many spaces, with the line ends kept: positions stay what they are."""
    return re.sub(r"[^\n]", " ", text)


def without_text(source):
    """The source with comments and literals blanked."""

    def replace(match):
        text = match.group(0)
        if text.startswith("//") and "coawait-lint: ok" in text:
            return SILENCED + " " * (len(text) - len(SILENCED))
        return blank(text)

    return NOT_CODE.sub(replace, source)


def only_cpp_blocks(markdown):
    """The markdown with everything but its ```cpp blocks blanked."""
    kept = []
    end = 0
    for match in CPP_BLOCK.finditer(markdown):
        kept += [blank(markdown[end : match.start(1)]), match.group(1)]
        end = match.end(1)
    return "".join(kept) + blank(markdown[end:])


def match_brackets(code):
    """Both ways: where the partner of each bracket stands."""
    waiting = []
    partner = {}
    for position, char in enumerate(code):
        if char in OPEN:
            waiting.append(position)
        elif char in CLOSE and waiting:
            opening = waiting.pop()
            partner[opening] = position
            partner[position] = opening
    return partner


class Await:
    """One co_await or co_yield and the full expression around it."""

    def __init__(self, code, partner, position):
        self.code = code
        self.partner = partner
        self.position = position
        self.condition = None  # the if, while, switch or for we stand in
        self.surroundings = None  # "brace" or "macro", whichever is innermost
        self.start = self.find_start()
        self.end = self.find_end()
        self.expression = code[self.start : self.end]

    def find_start(self):
        i = self.position - 1
        while i >= 0:
            char = self.code[i]
            if char in CLOSE and i in self.partner:
                if self.ends_statement(i):
                    break
                i = self.partner[i]
            elif char == ";":
                break
            elif char == "{":
                if self.opens_block(i):
                    break
                self.surroundings = self.surroundings or "brace"
            elif char == "(" and self.enters_condition(i):
                break
            i -= 1
        return i + 1

    def find_end(self):
        j = self.position
        while j < len(self.code):
            char = self.code[j]
            if char in OPEN and j in self.partner:
                j = self.partner[j]
            elif char == ";" or char in CLOSE:
                break
            j += 1
        return j

    def ends_statement(self, i):
        """Whether the closing bracket at i ends the statement before ours."""
        after = self.code[i + 1 : i + 12]
        return (
            self.code[i] == "}"
            and self.opens_block(self.partner[i])
            and not re.match(r"\s*[\(.,)]", after)
        )

    def opens_block(self, i):
        """Whether the { at i opens statements rather than an initializer."""
        before = self.code[:i].rstrip()
        return before == "" or bool(BEFORE_BLOCK.search(before))

    def enters_condition(self, i):
        """Whether the ( at i belongs to a condition; notes assertions."""
        word = WORD_BEFORE.search(self.code[:i])
        if not word:
            return False
        if word.group(1) in (*CONDITIONS, "for"):
            self.condition = word.group(1)
            return True
        if ASSERTION.match(word.group(1)):
            self.surroundings = self.surroundings or "macro"
        return False

    def complaints(self):
        """Why this await is not in a safe form, each reason once."""
        found = [
            *self.complaints_about_place(),
            *self.complaints_about_operators(),
            *self.complaints_about_braces(),
        ]
        return dict.fromkeys(found)

    def complaints_about_place(self):
        declares = DECLARATION.match(self.expression)
        if self.condition in CONDITIONS and not declares:
            yield f"G1 co_await in {self.condition}-condition"
        if self.surroundings == "brace":
            yield "G2/G4 co_await inside braces"
        if self.surroundings == "macro":
            yield "G1 co_await inside an assertion macro"

    def complaints_about_operators(self):
        expression = self.expression
        if len(AWAIT.findall(expression)) > 1:
            yield "G6 more than one co_await in the expression"
        if "?" in expression:
            yield "G3 ?: with co_await"
        if re.search(r"&&|\|\|", REFERENCE_DECLARATION.sub(" = ", expression)):
            yield "G1 && or || with co_await"
        if re.search(r"\bnew\b", expression):
            yield "G5 new with co_await"
        if re.search(r"\bthrow\b", expression):
            yield "G5 throw with co_await"

    def complaints_about_braces(self):
        k = self.start
        while k < self.end:
            if self.is_lambda(k):
                if self.captures_by_value(k):
                    yield "G2 lambda with by-value capture in the expression"
                body = self.code.find("{", self.partner[k])
                if body in self.partner:
                    k = self.partner[body] + 1
                    continue
            if self.is_braced_temporary(k):
                yield "G2/G4 braced temporary in the expression"
            k += 1

    def is_lambda(self, k):
        if self.code[k] != "[" or k not in self.partner:
            return False
        subscript = re.search(r"[\w\])]\s*$", self.code[self.start : k])
        return not subscript

    def captures_by_value(self, k):
        captures = self.code[k + 1 : self.partner[k]]
        names = [part.strip() for part in CAPTURE_COMMA.split(captures)]
        return any(
            name and name != "this" and not name.startswith("&")
            for name in names
        )

    def is_braced_temporary(self, k):
        if self.code[k] != "{" or self.opens_block(k):
            return False
        inside = self.code[k + 1 : self.partner.get(k, k + 1)]
        empty = k in self.partner and not inside.strip()
        return not empty


def line_around(code, position):
    start = code.rfind("\n", 0, position) + 1
    end = code.find("\n", position)
    return code[start : end if end >= 0 else len(code)]


def check(source):
    """The pairs (line, complaint) of some C++."""
    code = without_text(source)
    partner = match_brackets(code)
    found = []
    for match in AWAIT.finditer(code):
        position = match.start()
        if SILENCED in line_around(code, position):
            continue
        line = code.count("\n", 0, position) + 1
        complaints = Await(code, partner, position).complaints()
        found += [(line, complaint) for complaint in complaints]
    return found


def check_file(path):
    source = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".md":
        source = only_cpp_blocks(source)
    return check(source)


def files_in(argument):
    path = Path(argument)
    if not path.is_dir():
        return [path]
    suffixes = (".cpp", ".hpp", ".md")
    return sorted(p for p in path.rglob("*") if p.suffix in suffixes)


def main(arguments):
    flagged = False
    for argument in arguments:
        for path in files_in(argument):
            for line, complaint in check_file(path):
                print(f"{path}:{line}: {complaint}")
                flagged = True
    return 1 if flagged else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
