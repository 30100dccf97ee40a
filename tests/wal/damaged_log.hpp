// A log that tests damage, and the two answers recovery may give.
#pragma once

#include "tests/wal/log_fixture.hpp"
#include "wal/format.hpp"
#include "wal/paths.hpp"

#include <doctest/doctest.h>

namespace weir::wal::test {

using Bytes = std::vector<std::byte>;

/// A log of a few files, its place on the disk, and how to put it back.
struct Log : Disk {
  Records records;
  std::map<std::string, Bytes> original;

  void store(Writer& writer, std::size_t bytes = 40) {
    const std::uint64_t record = writer.last_record() + 1;
    records[record] = body_for(record, bytes);
    append_one(writer, records[record]);
  }
  /// `groups` groups of one record of 1,000 bytes, each synced: three to a file.
  void write(int groups, bool seal) {
    Writer writer(fs, writer_options(), {});
    for (int i = 0; i < groups; ++i) {
      store(writer, 1000);
      REQUIRE(writer.sync().ok());
    }
    if (seal)
      REQUIRE(writer.seal().ok());
    original = snapshot(fs);
  }
  void restore() {
    for (const auto& [name, content] : snapshot(fs)) {
      if (!original.contains(name))
        REQUIRE(fs.unlink(shard_directory(0) + "/" + name).ok());
    }
    for (const auto& [name, content] : original) {
      const std::string path = shard_directory(0) + "/" + name;
      if (!fs.stat(path).ok())
        REQUIRE(fs.open(path, io::OpenMode::create).ok());
      replace_file(fs, path, content);
    }
  }
  /// verify() and recover() must both answer `corruption` at `where` (if given) and leave every byte alone.
  void check_corrupt(const std::string& where = {}) {
    const auto before = snapshot(fs);
    const Status verified = verify(fs, recover_options());
    const auto recovered = recover_all(fs);
    REQUIRE(recovered.end.code() == Errc::corruption);
    REQUIRE(verified.code() == Errc::corruption);
    CHECK(verified.error().where == recovered.end.error().where);
    if (!where.empty())
      CHECK(recovered.end.error().where == where);
    CHECK((snapshot(fs) == before));
  }
  /// Recovery must give exactly the first `count` records, twice, and the second time change nothing.
  void check_cut(std::uint64_t count) {
    CHECK(verify(fs, recover_options()).ok());
    Records expected = records;
    expected.erase(expected.upper_bound(count), expected.end());
    const auto once = recover_all(fs);
    REQUIRE(once.end.ok());
    CHECK((once.records == expected));
    const auto between = snapshot(fs);
    const auto twice = recover_all(fs);
    REQUIRE(twice.end.ok());
    CHECK((twice.records == expected));
    CHECK(twice.end->next_file == once.end->next_file);
    CHECK((snapshot(fs) == between));
  }
};

/// Bytes of a group of one record of 1,000 bytes.
inline constexpr std::uint64_t group_bytes = sizeof(GroupHeader) + record_header_bytes(1000) + 1000;

} // namespace weir::wal::test
