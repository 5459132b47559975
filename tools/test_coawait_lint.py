#!/usr/bin/env python3
"""What coawait_lint.py must flag, and what it must let pass."""

import unittest

from coawait_lint import check, only_cpp_blocks

FLAGGED = {
    "G1": [
        "if (co_await ready()) go();",
        "if (!co_await ready()) go();",
        "while (co_await ready()) { go(); }",
        "do { go(); } while (co_await ready());",
        "switch (co_await next()) { default: break; }",
        "bool both = co_await a && b;",
        "CHECK(co_await ready());",
    ],
    "G2": [
        'co_await tx.send(Msg{"text", 1});',
        "co_await tx.send({s, 1});",
        "co_await Awaiter{x};",
        "co_await run([copy] { use(copy); });",
        "co_await run([moved = std::move(x)] { use(moved); });",
        "co_yield Msg{s, 1};",
    ],
    "G3": ["co_await (flag ? a : b);"],
    "G4": ["Pair p{co_await a, 1};"],
    "G5": ["throw failure(co_await why());", "auto* p = new T(co_await e);"],
    "G6": ["auto sum = co_await a + co_await b;"],
}

PASSING = [
    "co_await tx.send(v);",
    "auto v = co_await rx.receive();",
    "v = co_await rx.receive();",
    "co_return co_await rx.receive();",
    "while (auto v = co_await rx.receive()) sum += *v;",
    "if (auto v = co_await rx.receive()) use(*v);",
    "for (int i = 0; i < 5; ++i) { auto sent = co_await out.send(i); }",
    "co_await tx.send(std::move(message));",
    "auto&& v = co_await e;",
    "co_await (tx << 23);",
    "co_await run([&x, this] { use(x); });",
    "co_await run([] { go(); });",
    "co_await tx.send(a[i]);",
    "co_await tx.send(T{});",
    "awaiter operator co_await() && { return awaiter{x}; }",
    "// if (co_await ready()) {}",
    'log("co_await a && b");',
    "if (co_await ready()) go(); // coawait-lint: ok",
]


def in_coroutine(statement):
    return "task<> f() {\n  " + statement + "\n}\n"


class Lint(unittest.TestCase):
    def test_unsafe_forms_are_flagged_by_name(self):
        for name, statements in FLAGGED.items():
            for statement in statements:
                with self.subTest(statement):
                    found = [text for _, text in check(in_coroutine(statement))]
                    self.assertTrue(
                        any(name in text.split()[0] for text in found), found
                    )

    def test_safe_forms_pass(self):
        for statement in PASSING:
            with self.subTest(statement):
                self.assertEqual(check(in_coroutine(statement)), [])

    def test_the_line_is_that_of_the_await(self):
        found = check("task<> f() {\n  a();\n  co_await T{1};\n}\n")
        self.assertEqual([line for line, _ in found], [3])

    def test_markdown_is_read_in_its_cpp_blocks_alone(self):
        unsafe = "co_await T{1};"
        text = f"{unsafe}\n```cpp\n{unsafe}\n```\n```sh\n{unsafe}\n```\n"
        found = check(only_cpp_blocks(text))
        self.assertEqual([line for line, _ in found], [3])


if __name__ == "__main__":
    unittest.main()
