#!/usr/bin/env bash
# Builds the core of CAF 0.17.6 with -fsanitize=thread, once, and prints where.
#
# usage: instrumented_caf.sh          the prefix is the only line on stdout
#
# ThreadSanitizer sees what its compiler has instrumented. Debian's libcaf is
# not: its reference counts and mailboxes look like races, and races that go
# through it stay unseen. So CAF is built from Debian's own source package, into
# ${XDG_CACHE_HOME:-~/.cache}/levada/caf-0.17.6-tsan (headers and libcaf_core).
#
# It needs a compiler, cmake, ninja and apt, but not root: the source index and
# the package go to a folder of its own; /etc/apt is read and nothing else. The
# build happens aside and is moved in place when complete, under a lock: it may
# be interrupted at any moment and started twice. Another compiler (CXX) has a
# prefix of its own, and a newer version of a compiler builds anew.
set -euo pipefail

readonly version=0.17.6
readonly compiler=${CXX:-c++}
# At the optimization CAF chooses itself: -O2 -g. 0.17.6 forces its own C++
# standard unless the flags name one.
readonly flags="-fsanitize=thread -fno-omit-frame-pointer -std=c++17 -w"

suffix=
if [[ ${CXX:-} ]]; then
  suffix=-$(basename "$CXX")
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/levada
prefix=$cache/caf-$version-tsan$suffix
readonly suffix cache prefix

say() {
  printf '        %s\n' "$*" >&2
}

# fail SENTENCE WHAT_TO_DO_NEXT
fail() {
  printf '\ninstrumented_caf: %s\ninstrumented_caf: next: %s\n' "$1" "$2" >&2
  exit 1
}

# quietly LOG COMMAND...: its output goes to LOG, whose end is shown on failure.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 && return
  tail -n 30 "$log" >&2
  return 1
}

# What the result depends on: when any of it changes, the old one is no good.
recipe() {
  echo "CAF $version"
  echo "$flags"
  "$compiler" --version | head -n 1
}

is_built() {
  [[ -f $prefix/recipe && $(recipe) == "$(<"$prefix/recipe")" ]]
}

# source_entries FOLDER: the machine's own apt sources, as sources of sources.
source_entries() {
  local list parts file
  eval "$(apt-config shell list Dir::Etc::sourcelist/f \
    parts Dir::Etc::sourceparts/d)"
  for file in "$list" "${parts%/}"/*.list; do
    if [[ -f $file ]]; then
      sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]/deb-src /p' "$file" \
        >>"$1/machine.list"
    fi
  done
  for file in "${parts%/}"/*.sources; do
    if [[ -f $file ]]; then
      # One file may end without the empty line that parts two stanzas.
      sed -E 's/^Types:.*/Types: deb-src/I' "$file" >>"$1/machine.sources"
      echo >>"$1/machine.sources"
    fi
  done
}

# download FOLDER: leaves the source package's tar file in FOLDER.
download() {
  local own=$1/apt
  command -v apt-get >/dev/null \
    || fail "this is no Debian: there is no apt-get" \
      "build CAF $version with \"$flags\" and install it to $prefix"
  mkdir -p "$own"/{sources,state/lists/partial,cache/archives/partial}
  source_entries "$own/sources"
  local apt=(apt-get -q
    -o Dir::Etc::sourcelist=/dev/null
    -o Dir::Etc::sourceparts="$own/sources"
    -o Dir::State="$own/state"
    -o Dir::State::status=/var/lib/dpkg/status
    -o Dir::Cache="$own/cache"
    # The folder is ours alone: apt's own user could not write there.
    -o APT::Sandbox::User="$(id -un)")
  say "reading the index of source packages"
  quietly "$1/apt.log" "${apt[@]}" update \
    || fail "apt-get update failed" "is the network there?"
  say "downloading CAF's source package"
  (cd "$1" && quietly apt.log "${apt[@]}" source --download-only --tar-only \
    actor-framework) \
    || fail "apt has no source package actor-framework" "see what it says above"
  [[ -f $1/actor-framework_$version.orig.tar.gz ]] \
    || fail "apt has another version than $version: $(cd "$1" && ls ./*.tar.*)" \
      "Debian 12 has $version"
}

# build FOLDER: installs to FOLDER/done.
build() {
  local jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
  tar -xf "$1/actor-framework_$version.orig.tar.gz" -C "$1"
  say "configuring it for $compiler"
  quietly "$1/cmake.log" cmake -G Ninja \
    -S "$1/actor-framework-$version" -B "$1/build" \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DCAF_NO_IO=yes -DCAF_NO_OPENSSL=yes -DCAF_NO_OPENCL=yes \
    -DCAF_NO_PYTHON=yes -DCAF_NO_TOOLS=yes -DCAF_NO_EXAMPLES=yes \
    -DCAF_NO_UNIT_TESTS=yes -DCAF_NO_AUTO_LIBCPP=yes \
    -DCAF_NO_COMPILER_CHECK=yes -DCAF_NO_SUMMARY=yes \
    || fail "CAF could not be configured" "read the error above"
  say "building it with $jobs jobs: once, some minutes"
  cmake --build "$1/build" -j "$jobs" >&2 \
    || fail "CAF could not be built" "read the first error above"
  DESTDIR=$1/done quietly "$1/install.log" cmake --install "$1/build" \
    || fail "CAF could not be installed" "read the error above"
  recipe >"$1/done$prefix/recipe"
}

if is_built; then
  say "there: $prefix"
  echo "$prefix"
  exit
fi

say "CAF $version with -fsanitize=thread is built into $prefix"
mkdir -p "$cache"
exec {lock}>"$cache/lock"
if ! flock --nonblock "$lock"; then
  say "somebody else builds here: waiting"
  flock "$lock"
fi
if ! is_built; then
  rm -rf "$cache"/aside.* # left by a run that was killed
  aside=$(mktemp -d "$cache/aside.XXXXXX")
  trap 'rm -rf "$aside"' EXIT
  download "$aside"
  build "$aside"
  if [[ -e $prefix ]]; then
    mv -T "$prefix" "$aside/old"
  fi
  mv -T "$aside/done$prefix" "$prefix"
fi
say "there: $prefix"
echo "$prefix"
