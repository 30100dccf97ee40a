#!/usr/bin/env bash
# Installs the build tree into a temporary prefix, moves that elsewhere, and builds and runs the README's example against
# it through find_package and through pkg-config; and configures it with weir as a subdirectory.
#
# Usage: check_install.sh BUILD_DIR COMPILER
set -euo pipefail

build=$1
compiler=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() { # shows what a step said only if it failed
  "$@" >"$work/log" 2>&1 || { cat "$work/log" && echo "failed: $*" && exit 1; }
}
expect() { # $1 is what ran, $2 what it must print
  [ "$1" = "$2" ] || { printf 'expected:\n%s\ngot:\n%s\n' "$2" "$1" && exit 1; }
}

quietly cmake --install "$build" --prefix "$work/staged"
mv "$work/staged" "$work/weir" # nothing installed may know where it was put
prefix=$work/weir
if grep -rIl "$build" "$prefix"; then
  echo "installed files name the build tree" && exit 1
fi
pkgconfig=$(dirname "$(find "$prefix" -name weir.pc)")

quietly cmake -S "$here/service" -B "$work/service" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror"
quietly cmake --build "$work/service"
expect "$("$work/service/service" "$work/data")" 'event 1 of order-42 is synced
1 order_placed {"total": 12}
count 1'
echo "find_package: built and ran"

export PKG_CONFIG_PATH=$pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs weir)"
quietly "$compiler" -std=c++20 -Wall -Wextra -Werror "$here/../../docs/examples/embed.cpp" -o "$work/by_pkg_config" \
  "${flags[@]}"
expect "$("$work/by_pkg_config" "$work/data")" 'event 2 of order-42 is synced
1 order_placed {"total": 12}
2 order_placed {"total": 12}
count 2'
echo "pkg-config: built and ran, and found the first one's event"

quietly cmake -S "$here/subproject" -B "$work/subproject" -G Ninja -DCMAKE_CXX_COMPILER="$compiler"
echo "add_subdirectory: configured"
