#include "engine/disk_guard.hpp"
#include "engine/io/memory_file_system.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <optional>

namespace weir {

TEST_CASE("disk guard: low below the reserve, not at it, and again fine once space is back") {
  io::MemoryFileSystem fs;
  DiskGuard guard(fs, 1 * MiB);
  CHECK_FALSE(guard.low());
  for (const std::uint64_t free : {1 * MiB, 1 * MiB - 1, 0 * MiB, 2 * MiB}) {
    CAPTURE(free);
    const bool low = free < 1 * MiB;
    fs.set_free_bytes(free);
    CHECK(guard.check() == low);
    CHECK(guard.low() == low);
    CHECK(guard.free_bytes() == free);
  }
}

TEST_CASE("disk guard: a write that found no space counts more than what was said to be free, until the next check") {
  io::MemoryFileSystem fs;
  DiskGuard guard(fs, 1 * MiB);
  CHECK_FALSE(guard.check());
  guard.hit_full();
  CHECK(guard.low());
  CHECK_FALSE(guard.check());
}

TEST_CASE("disk guard: a question that fails changes nothing") {
  io::MemoryFileSystem fs;
  DiskGuard guard(fs, 1 * MiB);
  fs.set_free_bytes(0);
  CHECK(guard.check());
  fs.set_hook([](const io::Call&) -> std::optional<Error> { return fail(Errc::io_error, "no answer"); });
  CHECK(guard.check());
  guard.hit_full();
  CHECK(guard.check());
}

} // namespace weir
