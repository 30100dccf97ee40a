#!/usr/bin/env bash
# Builds CAF's core library with the thread sanitizer, once, and prints the prefix where it is installed.
#
# Debian's libcaf is not instrumented, and with it every message between two actors looks like a race. So the same
# version is built from Debian's source package. It is kept in $XDG_CACHE_HOME/weir (default ~/.cache/weir), under a name
# that changes with the flags, and used again from there.
#
# Usage: build_caf.sh [--quiet]
# Exit codes: 0: built, or there already; 1: the build failed; 69: the source cannot be had (no network, no apt).
set -euo pipefail

version=0.17.6
package_version=0.17.6-2.1 # as of Debian 12
archive=actor-framework_$version.orig.tar.gz
archive_sha256=e2bf5bd243f08bb7d8adde197cfe3e6d71314ed3378fe0692f8932f4c3b3928c
compiler=clang++-14
flags="-fsanitize=thread -fno-omit-frame-pointer -O1 -g1 -std=c++17 -w"

quiet=
[ "${1-}" != --quiet ] || quiet=1
say() { [ -n "$quiet" ] || echo "caf: $*" >&2; }
unavailable() {
  echo "caf: the source of CAF $version cannot be had: $*" >&2
  exit 69
}

key=$(printf '%s\n' "$archive_sha256" "$flags" "$("$compiler" --version | head -n 1)" | sha256sum | cut -c 1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir
prefix=$cache/caf-$version-tsan-$key
mkdir -p "$cache"

# Two builds at a time would be one too many; who waits finds it done.
exec 9>"$cache/caf.lock"
flock 9
if [ -e "$prefix/complete" ]; then
  echo "$prefix"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints the mirrors of Debian 12's main archive that this machine uses, then Debian's own.
mirrors() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 == "bookworm" && $3 == "main" { print $1 }'
  echo http://deb.debian.org/debian/
}

# Leaves the archive in $cache. apt works on lists of its own, so the system's stay as they are.
fetch() {
  command -v apt-get >/dev/null || unavailable "this is not a Debian system"
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial,none} "$work/source"
  mirrors | awk '!seen[$0]++' |
    sed 's|.*|deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & bookworm main|' >"$work/apt/sources.list"
  local apt=(apt-get -q -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o "Dir::Etc::sourceparts=$work/apt/none"
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=
    -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::Languages=none)
  "${apt[@]}" update >"$work/apt/log" 2>&1 || unavailable "$(grep -E '^(E|Err)' "$work/apt/log" | tail -n 1)"
  # Not every mirror has Debian's changes beside the archive; they are not needed, so what counts is the archive.
  (cd "$work/source" && "${apt[@]}" source --download-only "actor-framework=$package_version") >>"$work/apt/log" 2>&1 || true
  [ -e "$work/source/$archive" ] || unavailable "$(grep -E '^(E|Err)' "$work/apt/log" | tail -n 1)"
  mv "$work/source/$archive" "$cache/$archive"
}

right() { echo "$archive_sha256  $cache/$archive" | sha256sum --check --status 2>/dev/null; }
[ -e "$cache/$archive" ] && right || { say "fetching $archive"; fetch; }
right || { rm -f "$cache/$archive"; unavailable "$archive is not the archive that was expected (SHA-256)"; }

say "building CAF $version with the thread sanitizer, once: two minutes"
tar -xzf "$cache/$archive" -C "$work"
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
rm -rf "$prefix"
if ! {
  cmake -S "$work/actor-framework-$version" -B "$work/build" -G Ninja "${launcher[@]}" \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCAF_BUILD_STATIC_ONLY=yes -DCAF_NO_IO=yes \
    -DCAF_NO_OPENSSL=yes -DCAF_NO_TOOLS=yes -DCAF_NO_PYTHON=yes -DCAF_NO_EXAMPLES=yes -DCAF_NO_UNIT_TESTS=yes \
    -DCAF_NO_SUMMARY=yes &&
    ninja -C "$work/build" && ninja -C "$work/build" install
} >"$work/log" 2>&1; then
  tail -n 40 "$work/log" >&2
  rm -rf "$prefix"
  exit 1
fi
touch "$prefix/complete"
echo "$prefix"
