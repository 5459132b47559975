#!/usr/bin/env bash
# Builds and runs one consumer against levada.
# usage: run.sh {find_package|add_subdirectory|pkg_config} CMAKE SOURCE BUILD
# BUILD is a finished build of SOURCE; it is installed into a temporary prefix.
set -euo pipefail

way=$1 cmake=$2 source=$3 build=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_levada() {
  "$cmake" --install "$build" --prefix "$work/prefix" >"$work/install.log"
  # A header that is a link would point back into our source tree.
  test -z "$(find "$work/prefix/include" -type l)"
}

build_with_cmake() {
  "$cmake" -G Ninja -S "$here/$way" -B "$work/build" "$@"
  "$cmake" --build "$work/build"
  "$work/build/consumer"
}

case $way in
  find_package)
    install_levada
    build_with_cmake "-DCMAKE_PREFIX_PATH=$work/prefix"
    ;;
  add_subdirectory)
    build_with_cmake "-DLEVADA_SOURCE=$source"
    ;;
  pkg_config)
    install_levada
    # The library directory's name is the distribution's choice.
    pc=$(find "$work/prefix" -name levada.pc)
    PKG_CONFIG_PATH=$(dirname "$pc") "$here/pkg_config/build.sh" "$work/consumer"
    LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$work/consumer"
    ;;
  *)
    echo "run.sh: unknown way $way" >&2
    exit 2
    ;;
esac
