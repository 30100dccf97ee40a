#!/usr/bin/env bash
# Installs what weir needs and this machine does not have, from Debian 12 packages. Touches no network when nothing is
# missing.
#
# Usage: setup-debian.sh build|bench|test     `build`: for the library and the program; `bench`: also for `make bench`;
#                                             `test`: also for `make test`
set -euo pipefail

build=(g++ make cmake ninja-build ccache pkg-config libcaf-dev libfmt-dev libsqlite3-dev libxxhash-dev liblz4-dev
  rapidjson-dev libcli11-dev zlib1g-dev libedit-dev)
bench=(librocksdb-dev liblmdb-dev libbenchmark-dev)
test=(clang-14 libclang-rt-14-dev clang-format-14 doctest-dev libssl-dev python3)

case ${1-} in
build) wanted=("${build[@]}") ;;
bench) wanted=("${build[@]}" "${bench[@]}") ;;
test) wanted=("${build[@]}" "${bench[@]}" "${test[@]}") ;;
*) echo "usage: $0 build|bench|test" >&2 && exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: not a Debian system, nothing installed. weir needs a C++20 compiler, CMake 3.25, Ninja, CAF 0.17, and what"
  echo "setup: Debian 12 calls: ${wanted[*]}"
  exit 0 # the build says what it does not find
fi

# dpkg-query fails when it has never heard of one of them; what it prints is right all the same.
installed=$({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } | sed -n 's/^installed //p')
mapfile -t missing < <(printf '%s\n' "${wanted[@]}" | grep -vxF "$installed" || true)
[ ${#missing[@]} -eq 0 ] && exit 0

run=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: missing ${missing[*]}; become root (there is no sudo) and run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  run=(sudo)
fi
run+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
echo "setup: installing ${missing[*]}"
if ! { "${run[@]}" update && "${run[@]}" install --no-install-recommends "${missing[@]}"; } </dev/null; then
  echo "setup: apt-get failed. weir is built with the packages of Debian 12 (bookworm); this is $(
    . /etc/os-release && echo "$PRETTY_NAME")" >&2
  exit 1
fi
