#!/usr/bin/env python3
"""Check one file of misuse: usage: run.py FILE COMPILER FLAG...

The file compiles as it is, which the build has seen to. It must not compile with
-DMUST_FAIL, and the compiler's message must contain every text that stands after
`// expect:` at the head of the file. What stands there after `// flags:` is added
to the command.
"""

import subprocess
import sys


def head_lines(path, mark):
    """What stands after `// mark:` at the head of the file."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("//"):
                break
            if line.startswith(f"// {mark}:"):
                found.append(line.removeprefix(f"// {mark}:").strip())
    return found


def compile_file(command, path):
    # Not -fsyntax-only: that may leave templates uninstantiated.
    run = subprocess.run(
        [*command, "-c", path, "-o", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode == 0, run.stdout + run.stderr


def squeezed(text):
    """Text as one line: compilers wrap messages as they like."""
    return " ".join(text.split())


def main(path, *command):
    texts = head_lines(path, "expect")
    flags = head_lines(path, "flags")
    if not texts:
        return f"{path}: no `// expect: text` at the head of the file"
    compiled, message = compile_file([*command, "-DMUST_FAIL", *flags], path)
    if compiled:
        return f"{path} compiles with MUST_FAIL: the misuse is not caught"
    for text in texts:
        if squeezed(text) not in squeezed(message):
            return f"{path}: no `{text}` in the compiler's message:\n{message}"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
