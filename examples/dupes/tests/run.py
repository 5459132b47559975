#!/usr/bin/env python3
"""Holds dupes to what `jdupes -r` finds, and to what its --help promises.

usage: run.py DUPES

What jdupes 1.21 does by default, by experiment, and dupes therefore does too:
hidden files count; empty files do not; symbolic links to files and to
directories are passed over, except a directory named on the command line; so
are pipes, sockets and devices; a directory met twice is searched once; a root
that is not there is reported and is no failure.

Of several hard links to one file, jdupes lists one or more: it leaves out a link
only when the file it is linked to happens to be the first of its group by then,
which depends on the order of the directory on disk. dupes lists each file once,
by the first of its paths. So groups are compared as sets of files (inodes), which
agree, and as sets of paths where there are no hard links.
"""

import json
import os
import pty
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

DUPES = ""
LIMIT = 60  # seconds; nothing here takes more than a few
ERASE = b"\r\x1b[K"


def run(*arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(
        [DUPES, *map(os.fspath, arguments)], timeout=LIMIT, **options
    )


def groups_of(*arguments, **options):
    """What dupes finds, from its JSON: names may hold newlines."""
    done = run("--json", *arguments, **options)
    assert done.returncode == 0, done
    found = json.loads(done.stdout)["groups"]
    return [[os.fsencode(path) for path in each["files"]] for each in found]


def jdupes(*arguments):
    done = subprocess.run(
        ["jdupes", "-q", "-r", "-0", *map(os.fspath, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=LIMIT,
        check=True,
    )
    text = done.stdout.strip(b"\0\n")
    return [each.split(b"\0") for each in text.split(b"\0\0")] if text else []


def inode(path):
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino


def as_paths(groups):
    return {frozenset(each) for each in groups}


def as_files(groups):
    return {frozenset(map(inode, each)) for each in groups}


NAMES = [b"plain", b"two words", b"new\nline", "h\u00f6he \u6c34".encode(),
         b"not utf8 \xff\xc3", b'"quoted"\\', b".hidden", b"-dash", b"\x01\x7f"]
SIZES = [0, 1, 2, 100, 4095, 4096, 4097, 5000, 262144, 262145, 600000]


def grow_tree(root, seed, files=150):
    """Few contents under many names: also such that differ in one byte only, at
    the beginning, behind the first block, or at the end."""
    chance = random.Random(seed)
    folders = [os.fsencode(root)]
    for number in range(files):
        tag = b"%d" % number
        if chance.random() < 0.15:
            folder = os.path.join(chance.choice(folders), b"d" + tag)
            os.mkdir(folder)
            folders.append(folder)
        size = chance.choice(SIZES)
        contents = bytearray(size)
        if size and chance.random() < 0.5:
            contents[chance.choice([0, size // 2, size - 1])] = 1
        name = chance.choice(NAMES) + tag
        with open(os.path.join(chance.choice(folders), name), "wb") as file:
            file.write(contents)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dupes-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "tree"
        self.root.mkdir()

    def write(self, name, contents="same"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents)
        return path

    def assert_same_paths(self, *arguments):
        self.assertEqual(
            as_paths(groups_of(*arguments)), as_paths(jdupes(*arguments))
        )


@unittest.skipUnless(shutil.which("jdupes"), "jdupes is not there")
class AgreesWithJdupes(Case):
    def test_on_trees_of_many_sizes_and_odd_names(self):
        for seed in range(6):
            with self.subTest(seed=seed):
                root = self.root / str(seed)
                root.mkdir()
                grow_tree(root, seed)
                self.assertGreater(len(jdupes(root)), 5)
                self.assert_same_paths(root)

    def test_on_a_real_tree(self):
        self.assert_same_paths("/usr/share/doc")

    def test_on_several_roots_that_overlap(self):
        self.write("a/one")
        self.write("b/two")
        for roots in (["a", "b"], [".", "a"], ["a", "a"], ["a/", "./b/."]):
            with self.subTest(roots):
                paths = [f"{self.root}/{each}" for each in roots]
                self.assertEqual(
                    as_files(groups_of(*paths)), as_files(jdupes(*paths))
                )

    def test_on_empty_hidden_and_deep_files(self):
        self.write("empty1", "")
        self.write("empty2", "")
        self.write(".hidden/.file")
        self.write("/".join(["deep"] * 300) + "/file")
        self.assert_same_paths(self.root)
        self.assertEqual(len(groups_of(self.root)), 1)

    def test_on_symbolic_links(self):
        self.write("folder/file")
        self.write("other")
        (self.root / "to_file").symlink_to("other")
        (self.root / "to_folder").symlink_to("folder")
        (self.root / "to_itself").symlink_to(".")
        (self.root / "dangling").symlink_to("nowhere")
        (self.root / "loop").symlink_to("loop")
        self.assert_same_paths(self.root)
        self.assertEqual(len(groups_of(self.root)[0]), 2)
        self.assert_same_paths(self.root / "to_itself")
        self.assertEqual(len(groups_of(self.root / "to_itself")), 1)

    def test_on_hard_links_file_by_file(self):
        for seed in range(20):
            with self.subTest(seed=seed):
                root = self.root / str(seed)
                root.mkdir()
                chance = random.Random(seed)
                names = []
                for number in range(30):
                    path = root / f"{chance.random()}"
                    if names and chance.random() < 0.5:
                        path.hardlink_to(chance.choice(names))
                    else:
                        path.write_text(chance.choice(["left", "rest", "more"]))
                    names.append(path)
                found = groups_of(root)
                self.assertEqual(as_files(found), as_files(jdupes(root)))
                for group in found:
                    self.assertEqual(len(group), len(set(map(inode, group))))

    def test_on_a_minimum_size(self):
        grow_tree(self.root, 7)
        for ours, theirs in (("1", "1"), ("4096", "4096"), ("4K", "4096"),
                             ("256k", "262144"), ("1M", "1048576"), ("0", "0")):
            with self.subTest(ours):
                self.assertEqual(
                    as_paths(groups_of("--min-size", ours, self.root)),
                    as_paths(jdupes("-X", f"size+=:{theirs}", self.root)),
                )


class Finds(Case):
    def test_hard_links_alone_are_no_duplicates(self):
        self.write("a")
        (self.root / "b").hardlink_to(self.root / "a")
        self.assertEqual(groups_of(self.root), [])

    def test_of_hard_links_the_first_path_stands_for_the_file(self):
        self.write("b")
        (self.root / "a").hardlink_to(self.root / "b")
        self.write("c")
        paths = [os.fsencode(self.root / name) for name in "ac"]
        self.assertEqual(groups_of(self.root), [paths])

    def test_pipes_sockets_and_devices_are_passed_over(self):
        self.write("a")
        self.write("b")
        os.mkfifo(self.root / "pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(self.root / "socket"))
            if os.geteuid() == 0:
                device = stat.S_IFCHR | 0o666
                os.mknod(self.root / "zero", device, os.makedev(1, 5))
            self.assertEqual(len(groups_of(self.root)), 1)

    def test_the_number_of_jobs_changes_nothing(self):
        grow_tree(self.root, 8)
        outputs = {run("--jobs", jobs, self.root).stdout
                   for jobs in ("1", "2", "16", "1", "16")}
        self.assertEqual(len(outputs), 1)

    def test_the_largest_come_first_and_paths_are_sorted(self):
        grow_tree(self.root, 9)
        found = groups_of(self.root)
        keys = [(-os.stat(group[0]).st_size, group[0]) for group in found]
        self.assertEqual(keys, sorted(keys))
        for group in found:
            self.assertEqual(group, sorted(group))


class Reports(Case):
    def test_groups_apart_by_an_empty_line_and_the_summary_on_stderr(self):
        for name in ("a", "b"):
            self.write(name, "x" * 2048)
            self.write(name + "small", "y")
        done = run(self.root)
        r = self.root
        self.assertEqual(
            done.stdout.decode(), f"{r}/a\n{r}/b\n\n{r}/asmall\n{r}/bsmall\n"
        )
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(
            lines[0],
            r"^dupes: 4 files, 4\.0 KiB; 2 groups, 2 duplicates, "
            r"2\.0 KiB wasted; 0 unreadable; [0-9.]+ s$",
        )

    def test_json_holds_the_groups_and_the_summary(self):
        grow_tree(self.root, 10)
        told = json.loads(run("--json", self.root).stdout)
        sizes = [p.stat().st_size for p in self.root.rglob("*") if p.is_file()]
        self.assertEqual(told["files"], sum(size > 0 for size in sizes))
        self.assertEqual(told["bytes"], sum(sizes))
        spare = [(len(g["files"]) - 1, g["size"]) for g in told["groups"]]
        self.assertEqual(told["duplicates"], sum(n for n, _ in spare))
        self.assertEqual(told["wasted"], sum(n * size for n, size in spare))
        self.assertEqual(told["unreadable"], 0)
        self.assertIs(told["interrupted"], False)
        self.assertGreater(told["seconds"], 0)

    def test_json_of_nothing_is_json(self):
        self.assertEqual(json.loads(run("--json", self.root).stdout)["groups"], [])

    def test_what_is_unreadable_is_reported_counted_and_no_failure(self):
        self.write("a")
        self.write("b")
        self.write("closed").chmod(0)
        self.write("folder/c")
        options = {}
        if os.geteuid() == 0:  # nothing is unreadable for root
            options = {"user": 65534, "group": 65534, "extra_groups": []}
            self.root.parent.chmod(0o755)
        program = shutil.copy(DUPES, self.root.parent / "dupes")
        (self.root / "folder").chmod(0)
        self.addCleanup((self.root / "folder").chmod, 0o755)
        missing = self.root / "missing"
        done = subprocess.run(
            [program, "--json", self.root, missing, self.root / "a"],
            capture_output=True, timeout=LIMIT, **options
        )
        self.assertEqual(done.returncode, 0, done)
        told = json.loads(done.stdout)
        self.assertEqual(told["unreadable"], 4)
        self.assertEqual(len(told["groups"]), 1)
        self.assertEqual(len(told["groups"][0]["files"]), 2)
        text = done.stderr.decode()
        self.assertIn(f"dupes: {self.root}/closed: Permission denied\n", text)
        self.assertIn(f"dupes: {self.root}/folder: Permission denied\n", text)
        self.assertIn(f"dupes: {missing}: No such file or directory\n", text)
        self.assertIn(f"dupes: {self.root}/a: Not a directory\n", text)

    def test_a_terminal_gets_a_bar_and_a_pipe_plain_lines(self):
        missing = self.root / "missing"  # each problem redraws the bar
        controller, terminal = pty.openpty()
        try:
            done = run(self.root, missing, stderr=terminal)
        finally:
            os.close(terminal)
        shown = b""
        try:
            while block := os.read(controller, 65536):
                shown += block
        except OSError:  # how a terminal says that its other end has gone
            pass
        os.close(controller)
        self.assertEqual(done.returncode, 0)
        self.assertIn(ERASE + b"[........................] 0 files", shown)
        self.assertTrue(shown.rstrip().split(ERASE)[-1].startswith(b"dupes: 0 f"))
        self.assertNotIn(b"\x1b", run(self.root, missing).stderr)

    def test_a_result_that_cannot_be_written_is_a_failure(self):
        self.write("a")
        self.write("b")
        with open("/dev/full", "wb") as full:
            self.assertEqual(run(self.root, stdout=full).returncode, 1)

    def test_help_is_no_failure_and_wrong_usage_is(self):
        help_text = run("--help")
        self.assertEqual(help_text.returncode, 0)
        for option in (b"--json", b"--min-size", b"--jobs", b"130"):
            self.assertIn(option, help_text.stdout)
        for wrong in ([], ["--no-such"], ["--jobs", "0", "."],
                      ["--min-size", "many", "."]):
            with self.subTest(wrong):
                self.assertEqual(run(*wrong).returncode, 2)


class Interrupted(Case):
    """Nobody reads the complaints about many roots that are not there: dupes waits
    in the middle of its work, for as long as the test likes."""

    def start(self):
        grow_tree(self.root, 11)
        missing = [f"missing-{number}" for number in range(4000)]
        running = subprocess.Popen(
            [DUPES, "--json", self.root, *missing],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.kill)
        running.stderr.read(1)  # it is at work, hence it listens to signals
        self.wait_until_still(running)  # it cannot print any more
        return running

    def wait_until_still(self, process, also=lambda: True):
        """Until every thread of it waits, and `also` holds."""
        end = time.monotonic() + LIMIT
        looks = 0
        while looks < 3:  # the states of the threads are not of one instant
            self.assertLess(time.monotonic(), end, "it never waits")
            time.sleep(0.001)
            looks = looks + 1 if also() and self.all_wait(process) else 0

    def interrupt(self, process):
        """Ctrl-C; returns when it has been taken in."""
        process.send_signal(signal.SIGINT)
        # Only the first one is caught.
        self.wait_until_still(process, lambda: not self.catches_sigint(process))

    @staticmethod
    def catches_sigint(process):
        text = Path(f"/proc/{process.pid}/status").read_text()
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", text, re.MULTILINE)[1]
        return bool(int(caught, 16) & 1 << signal.SIGINT - 1)

    @staticmethod
    def all_wait(process):
        states = [each.read_text().rpartition(")")[2].split()[0]
                  for each in Path(f"/proc/{process.pid}/task").glob("*/stat")]
        return all(state == "S" for state in states)

    def test_it_ends_with_what_was_found_so_far(self):
        running = self.start()
        everything = as_paths(groups_of(self.root))
        self.interrupt(running)
        output, complaints = running.communicate(timeout=LIMIT)
        self.assertEqual(running.returncode, 130)
        self.assertIn(b"interrupted", complaints.splitlines()[-1])
        told = json.loads(output)
        self.assertIs(told["interrupted"], True)
        self.assertLess(told["unreadable"], 4000)
        complete = {path: group for group in everything for path in group}
        for group in told["groups"]:
            paths = set(map(os.fsencode, group["files"]))
            self.assertLessEqual(paths, complete[min(paths)])

    def test_the_second_one_ends_the_program(self):
        running = self.start()
        self.interrupt(running)
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(timeout=LIMIT), -signal.SIGINT)


if __name__ == "__main__":
    DUPES = os.path.abspath(sys.argv.pop(1))
    unittest.main()
