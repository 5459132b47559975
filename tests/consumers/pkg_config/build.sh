#!/usr/bin/env bash
# No CMake: pkg-config and a compiler. usage: build.sh PROGRAM
set -euo pipefail

main=$(dirname "$0")/../main.cpp
read -ra flags < <(pkg-config --cflags --libs levada)
"${CXX:-c++}" "$main" -o "$1" "${flags[@]}"
