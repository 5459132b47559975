#!/usr/bin/env bash
# Runs an example and compares its output with what is expected, exactly.
# usage: compare.sh PROGRAM EXPECTED
set -euo pipefail

actual=$(mktemp)
trap 'rm -f "$actual"' EXIT

"$1" >"$actual"
diff -u --label expected --label actual "$2" "$actual"
