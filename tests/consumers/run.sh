#!/usr/bin/env bash
# Builds and runs one consumer against levada.
# usage: run.sh WAY CMAKE SOURCE BUILD
# BUILD is a finished build of SOURCE. The ways:
#   find_package, pkg_config  BUILD, installed into a temporary prefix
#   add_subdirectory          SOURCE as a part of the consumer, static
#   fetch_content             the same, shared, and what that installs
#   deb                       BUILD, packed and unpacked
set -euo pipefail

way=$1 cmake=$2 source=$3 build=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install_from() {
  "$cmake" --install "$1" --prefix "$work/prefix" >"$work/install.log"
  # A header that is a link would point back into our source tree.
  test -z "$(find "$work/prefix/include" -type l)"
}

# build_with_cmake PROJECT OPTION...: in a build folder of its own.
build_with_cmake() {
  local project=$1
  shift
  "$cmake" -G Ninja -S "$here/$project" -B "$work/$project" \
    -DCMAKE_CXX_FLAGS="-O0 -g0" \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=36 "$@"
  "$cmake" --build "$work/$project"
  "$work/$project/consumer"
}

# check_exports LIBRARY_FOLDER: what compiles with the static library in BUILD links
# with the shared one, too.
check_exports() {
  local folder objects missing
  for folder in "$build"/tests/CMakeFiles/test_{channels,actors}.dir \
    "$build"/examples/CMakeFiles/*.dir; do
    mapfile -t objects < <(find "$folder" -name '*.o' 2>/dev/null)
    if ((${#objects[@]} == 0)); then
      continue
    fi
    missing=$("${CXX:-c++}" "${objects[@]}" -L"$1" -llevada -lcaf_core \
      -Wl,--warn-unresolved-symbols -o "$work/linked" 2>&1 \
      | grep -o "undefined reference to .levada::.*" | sort -u) || true
    if [[ $missing ]]; then
      printf '%s: LEVADA_API is missing:\n%s\n' "$folder" "$missing" >&2
      return 1
    fi
  done
}

# is_shared PROGRAM: whether it takes levada from a shared library. (No `grep -q`
# behind a pipe: it ends at the first match, and who still writes is killed.)
is_shared() {
  local libraries
  libraries=$(ldd "$1")
  [[ $libraries == *liblevada.so* ]] || {
    printf '%s is not linked with liblevada.so:\n%s\n' "$1" "$libraries" >&2
    return 1
  }
}

# build_with_pkg_config PREFIX
build_with_pkg_config() {
  # The library directory's name is the distribution's choice.
  local pc
  pc=$(find "$1" -name levada.pc)
  PKG_CONFIG_PATH=$(dirname "$pc") "$here/pkg_config/build.sh" "$work/by_hand"
  LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$work/by_hand"
}

case $way in
  find_package)
    install_from "$build"
    build_with_cmake find_package "-DCMAKE_PREFIX_PATH=$work/prefix"
    ;;
  add_subdirectory)
    build_with_cmake add_subdirectory "-DLEVADA_SOURCE=$source"
    ;;
  fetch_content)
    build_with_cmake fetch_content "-DLEVADA_SOURCE=$source" \
      -DBUILD_SHARED_LIBS=ON
    is_shared "$work/fetch_content/consumer"
    check_exports "$work/fetch_content/_deps/levada-build"
    install_from "$work/fetch_content"
    build_with_cmake find_package "-DCMAKE_PREFIX_PATH=$work/prefix"
    build_with_pkg_config "$work/prefix"
    is_shared "$work/by_hand"
    ;;
  pkg_config)
    install_from "$build"
    build_with_pkg_config "$work/prefix"
    ;;
  deb)
    "$(dirname "$cmake")/cpack" -G DEB --config "$build/CPackConfig.cmake" \
      -B "$work/packages" >"$work/cpack.log"
    for package in "$work"/packages/*.deb; do
      dpkg-deb --info "$package"
      dpkg-deb --extract "$package" "$work/root"
      # What Debian wants to find of every package.
      texts=$work/root/usr/share/doc/$(dpkg-deb --field "$package" Package)
      grep -q "^License: BSL-1.0" "$texts/copyright"
      gzip --test "$texts/changelog.gz" "$texts/changelog.Debian.gz"
      version=$(dpkg-deb --field "$package" Version)
      [[ $(zcat "$texts/changelog.Debian.gz") == "liblevada ($version) "* ]]
    done
    # What a consumer's headers and linker need comes with it.
    depends=$(dpkg-deb --field "$work"/packages/liblevada-dev_*.deb Depends)
    [[ $depends == *"libcaf-dev (>= 0.17.6)"* ]] || {
      echo "liblevada-dev depends on: $depends" >&2
      exit 1
    }
    test -z "$(find "$work/root/usr/include" -type l)"
    build_with_cmake find_package "-DCMAKE_PREFIX_PATH=$work/root/usr"
    build_with_pkg_config "$work/root"
    ;;
  *)
    echo "run.sh: unknown way $way" >&2
    exit 2
    ;;
esac
