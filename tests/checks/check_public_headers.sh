#!/usr/bin/env bash
# Every public header compiles alone, warnings as errors, with nothing of ours but <weir/...> on the path, and pulls in
# no library an embedding service would have to install. weir/actors.hpp may pull in CAF: that is what it is for.
#
# Usage: check_public_headers.sh INCLUDE_DIR COMPILER
set -euo pipefail

include=$1
compiler=$2
flags=(-std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror -I "$include" -x c++)
failed=0
count=0
for header in "$include"/weir/*.hpp; do
  name=weir/$(basename "$header")
  count=$((count + 1))
  # Twice: the second must be empty. From standard input, because a header as main file warns about its own pragma once.
  if ! printf '#include <%s>\n#include <%s>\n' "$name" "$name" | "$compiler" "${flags[@]}" -fsyntax-only -; then
    echo "$name does not compile alone"
    failed=1
    continue
  fi
  files=$(printf '#include <%s>\n' "$name" | "$compiler" "${flags[@]}" -M -) # every file the preprocessor opens
  forbidden='caf|rapidjson|fmt|sqlite3|xxhash|lz4|zstd|CLI|zlib'
  [ "$name" = weir/actors.hpp ] && forbidden='rapidjson|fmt|sqlite3|xxhash|lz4|zstd|CLI|zlib'
  if strays=$(tr ' ' '\n' <<<"$files" | grep -E "/($forbidden)(/|\.h)"); then
    printf '%s pulls in:\n%s\n' "$name" "$strays"
    failed=1
  fi
done
echo "$count public headers"
[ "$count" -gt 0 ] && exit "$failed"
