// Every way a log can be damaged at rest, and that nobody mistakes damage for the end or the end for damage.

#include "tests/wal/damaged_log.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

namespace weir::wal {
namespace {

using namespace test;

TEST_CASE_FIXTURE(Log, "wal reader: a torn last record ends the log, it is no error") {
  write(2, false);
  const std::string path = file_path(0, 1);
  const std::uint64_t start = data_offset + group_bytes;
  for (const int fill : {0x00, 0xFF, 0xA7}) {
    for (std::uint64_t written = 0; written < group_bytes; written += written < 80 ? 1 : 97) {
      CAPTURE(fill);
      CAPTURE(written);
      restore();
      Bytes bytes = original.at("0000000000000001.wal");
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(start + written), bytes.end(),
                static_cast<std::byte>(fill));
      replace_file(fs, path, bytes);
      check_cut(1);
    }
  }
}

TEST_CASE_FIXTURE(
    Log, "wal reader: good bytes behind an unsynced bad one are ignored, for blocks reach the disk in any order") {
  Writer writer(fs, writer_options(), {});
  store(writer);
  REQUIRE(writer.sync().ok());
  store(writer);
  store(writer); // written behind it, neither is synced
  flip(fs, file_path(0, 1), data_offset + 2 * sizeof(GroupHeader) + record_header_bytes(40) + 40 + 14);
  check_cut(1);
}

TEST_CASE_FIXTURE(Log, "wal reader: inside a torn group the whole records before the tear are kept") {
  Writer writer(fs, writer_options(), {});
  for (std::uint64_t record = 1; record <= 5; ++record)
    records[record] = body_for(record);
  REQUIRE(writer.append(*group_of({records[1], records[2], records[3], records[4], records[5]})).ok());
  flip(fs, file_path(0, 1), data_offset + sizeof(GroupHeader) + 3 * (record_header_bytes(40) + 40) + 20);
  check_cut(3);

  INFO("the seal stands inside the group, and the log goes on in the next file");
  const auto recovered = recover_all(fs);
  Writer next(fs, writer_options(), *recovered.end);
  append_one(next, "four again");
  REQUIRE(next.sync().ok());
  const auto again = recover_all(fs);
  REQUIRE(again.end.ok());
  CHECK(again.records.size() == 4);
  CHECK(again.records.at(4) == "four again");

  INFO("a copy that ends behind that seal says the same");
  const std::uint64_t seal_end = data_offset + sizeof(GroupHeader) + 3 * (record_header_bytes(40) + 40) + sizeof(Seal);
  truncate(fs, file_path(0, 1), seal_end);
  const auto copied = recover_all(fs);
  REQUIRE_MESSAGE(copied.end.ok(), (copied.end.ok() ? "" : to_string(copied.end.error())));
  CHECK(copied.records == again.records);

  INFO("and one that ends before it has lost something");
  truncate(fs, file_path(0, 1), seal_end - 1);
  CHECK(recover_all(fs).end.code() == Errc::corruption);
}

TEST_CASE_FIXTURE(Log,
                  "wal recovery: a bad byte before what a later group declares synced is corruption, at its offset") {
  write(3, false);
  flip(fs, file_path(0, 1), data_offset + group_bytes + 500);
  check_corrupt("wal/000/0000000000000001.wal:" + std::to_string(data_offset + group_bytes));
  restore();
  flip(fs, file_path(0, 1), data_offset + 3);
  check_corrupt("wal/000/0000000000000001.wal:4096");
  restore();
  flip(fs, file_path(0, 1), 60);
  check_corrupt("wal/000/0000000000000001.wal:0");
}

TEST_CASE_FIXTURE(Log, "wal recovery: a bad byte in a sealed log is corruption, in the last group too") {
  write(1, true);
  flip(fs, file_path(0, 1), data_offset + 100);
  check_corrupt("wal/000/0000000000000001.wal:4096");
}

TEST_CASE_FIXTURE(Log,
                  "wal recovery: whatever bit of a synced log is flipped, the data is the same or it is corruption") {
  bool sealed = false;
  SUBCASE("clean") {
    sealed = true;
  }
  SUBCASE("unsealed: the last group may be cut") {
  }
  write(5, sealed);
  unsigned mask = 1;
  int corrupt = 0;
  for (const auto& [name, content] : original) {
    const std::string path = shard_directory(0) + "/" + name;
    for (std::uint64_t offset = 0; offset < content.size(); ++offset, mask = mask == 0x80 ? 1 : mask << 1U) {
      if (offset >= sizeof(FileHeader) && offset < data_offset && offset % 64 != 0)
        continue; // Of the zeros behind the header a sample is enough.
      flip(fs, path, offset, mask);
      const auto recovered = recover_all(fs);
      if (recovered.end.ok()) {
        const bool same = recovered.records == records;
        const bool cut =
            !sealed && recovered.records.size() + 1 == records.size() &&
            std::includes(records.begin(), records.end(), recovered.records.begin(), recovered.records.end());
        if (!same && !cut)
          FAIL("flip in ", name, " at ", offset);
        restore();
      } else {
        ++corrupt;
        if (recovered.end.code() != Errc::corruption && recovered.end.code() != Errc::incompatible)
          FAIL("flip in ", name, " at ", offset, ": ", to_string(recovered.end.error()));
        flip(fs, path, offset, mask);
      }
    }
  }
  CHECK(corrupt > 2'500);
}

TEST_CASE_FIXTURE(Log, "wal recovery: a log truncated at any length is corruption, or lost nothing") {
  bool sealed = false;
  SUBCASE("clean") {
    sealed = true;
  }
  SUBCASE("unsealed") {
  }
  write(5, sealed);
  for (const auto& [name, content] : original) {
    // An unsealed last file emptied to nothing is documented to look like one that was never begun.
    for (std::uint64_t bytes = sealed ? 0 : 1; bytes < content.size(); bytes += bytes % 13 == 0 ? 1 : 12) {
      CAPTURE(bytes);
      truncate(fs, shard_directory(0) + "/" + name, bytes);
      const auto recovered = recover_all(fs);
      if (recovered.end.ok())
        CHECK((recovered.records == records));
      else
        CHECK(recovered.end.code() == Errc::corruption);
      restore();
    }
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: a sealed file truncated at a record boundary is corruption") {
  write(4, true);
  for (const std::uint64_t file : {1U, 2U}) {
    for (std::uint64_t groups = 0; groups <= (file == 1 ? 3U : 1U); ++groups) {
      CAPTURE(file);
      CAPTURE(groups);
      truncate(fs, file_path(0, file), data_offset + groups * group_bytes);
      check_corrupt(place(file_path(0, file), data_offset + groups * group_bytes));
      restore();
    }
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: any missing file is corruption") {
  write(10, true);
  REQUIRE(original.size() >= 4);
  for (const auto& [name, content] : original) {
    REQUIRE(fs.unlink(shard_directory(0) + "/" + name).ok());
    check_corrupt();
    restore();
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: the first live file must exist once the catalog names one") {
  CHECK(recover_all(fs, recover_options(1)).end.ok());
  const auto recovered = recover_all(fs, recover_options(2));
  REQUIRE(recovered.end.code() == Errc::corruption);
  CHECK(recovered.end.error().where == "wal/000/0000000000000002.wal:0");
}

TEST_CASE_FIXTURE(Log, "wal recovery: swapped files and files of another shard are corruption") {
  write(5, true);
  SUBCASE("two files of one log") {
    replace_file(fs, file_path(0, 1), original.at("0000000000000002.wal"));
    replace_file(fs, file_path(0, 2), original.at("0000000000000001.wal"));
    check_corrupt("wal/000/0000000000000001.wal:0");
  }
  SUBCASE("the only file of another shard") {
    auto options = writer_options();
    options.shard = 1;
    Writer other(fs, options, {});
    append_one(other, "of shard 1");
    REQUIRE(other.sync().ok());
    for (const auto& [name, content] : original)
      REQUIRE(fs.unlink(shard_directory(0) + "/" + name).ok());
    REQUIRE(fs.rename(file_path(1, 1), file_path(0, 1)).ok());
    check_corrupt("wal/000/0000000000000001.wal:0");
  }
  SUBCASE("a file replaced by an older generation of itself") {
    Bytes older = original.at("0000000000000001.wal");
    std::fill(older.begin() + data_offset + 2 * group_bytes, older.end(), std::byte{0});
    replace_file(fs, file_path(0, 1), older);
    check_corrupt(place(file_path(0, 1), data_offset + 2 * group_bytes));
  }
  SUBCASE("a file replaced by its namesake of another history of the directory, which is shorter") {
    Disk another;
    Writer writer(another.fs, writer_options(), {});
    append_one(writer, "one");
    REQUIRE(writer.seal().ok());
    replace_file(fs, file_path(0, 1), read_file(another.fs, file_path(0, 1)));
    check_corrupt(place(file_path(0, 2), 0));
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: a header that was never durable in the last file is an empty end") {
  write(5, false); // files 1 and 2
  SUBCASE("zeros") {
    replace_file(fs, file_path(0, 2), Bytes(small_file_bytes));
  }
  SUBCASE("no byte at all") {
    replace_file(fs, file_path(0, 2), {});
  }
  SUBCASE("an earlier life of a recycled file") {
    replace_file(fs, file_path(0, 2), original.at("0000000000000001.wal"));
  }
  SUBCASE("only the header is missing, and the group was never declared synced") {
    records.erase(5);
    Bytes bytes = original.at("0000000000000002.wal");
    std::fill_n(bytes.begin() + data_offset + group_bytes, group_bytes, std::byte{0});
    std::fill_n(bytes.begin(), 4096, std::byte{0});
    replace_file(fs, file_path(0, 2), bytes);
  }
  check_cut(3);
  const auto recovered = recover_all(fs);
  CHECK(recovered.end->next_file == 2);
  Writer writer(fs, writer_options(), *recovered.end);
  CHECK(append_one(writer, "four again") == 4);
  CHECK(recover_all(fs).records.at(4) == "four again");
}

TEST_CASE_FIXTURE(Log,
                  "wal recovery: a torn end is none if the file behind it was synced, with or without its header") {
  write(5, false); // files 1 and 2
  Bytes torn = original.at("0000000000000001.wal");
  std::fill(torn.begin() + data_offset + 2 * group_bytes, torn.end(), std::byte{0}); // the third group and the seal
  replace_file(fs, file_path(0, 1), torn);
  SUBCASE("damaged") {
    flip(fs, file_path(0, 2), 9);
    check_corrupt(place(file_path(0, 2), 0));
  }
  SUBCASE("of another shard") {
    Bytes bytes(small_file_bytes);
    FileHeader header{.shard = 1, .number = 2, .first_record = 4, .file_bytes = small_file_bytes};
    header.check = check_of(header, file_identity(directory_seed, identity_kind, 1, 2), 0);
    std::memcpy(bytes.data(), &header, sizeof header);
    replace_file(fs, file_path(0, 2), bytes);
    check_corrupt(place(file_path(0, 2), 0));
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: records of an earlier life of a recycled file are never believed") {
  Writer writer(fs, writer_options(), {});
  while (writer.first_file_holding(writer.last_record()) < 4) {
    store(writer, 1000);
    REQUIRE(writer.sync().ok());
  }
  const std::uint64_t first = writer.first_file_holding(writer.last_record());
  REQUIRE(writer.release_before(first).ok());
  // The next file is a recycled one, full of whole groups behind the first new one.
  while (writer.first_file_holding(writer.last_record()) == first)
    store(writer, 1000);
  REQUIRE(writer.sync().ok());
  records.erase(records.begin(), records.lower_bound(writer.last_record() - 3));
  const auto recovered = recover_all(fs, recover_options(first, records.begin()->first - 1));
  REQUIRE(recovered.end.ok());
  CHECK((recovered.records == records));
}

} // namespace
} // namespace weir::wal
