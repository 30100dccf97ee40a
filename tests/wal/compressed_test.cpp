// Groups written as one LZ4 block: what is compressed, what recovery makes of it, whole and damaged.

#include "tests/wal/damaged_log.hpp"

#include "wal/compressed_group.hpp"

#include <doctest/doctest.h>

#include <random>

namespace weir::wal {
namespace {

using namespace test;

/// A log whose groups are compressed, in files that hold a few of them.
struct CompressedLog : Log {
  static constexpr std::uint64_t file_bytes = 4 * small_file_bytes;
  std::unique_ptr<Writer> writer = std::make_unique<Writer>(fs, writer_options(file_bytes), LogEnd{});

  /// A group of `count` records of 200 bytes; its length in the file.
  std::uint64_t append(std::size_t count, Compression compression = Compression::allowed) {
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < count; ++i) {
      bodies.push_back(body_for(writer->next_record() + i, 200));
      records[writer->next_record() + i] = bodies.back();
    }
    const auto group = group_of(bodies);
    REQUIRE(writer->append(*group, compression).ok());
    CompressedGroup compressed;
    return compression == Compression::allowed && compressed.assign(*group) ? compressed.bytes() : group->bytes();
  }
  void sync() { REQUIRE(writer->sync().ok()); }
  void finish(bool seal) {
    if (seal)
      REQUIRE(writer->seal().ok());
    original = snapshot(fs);
  }
  [[nodiscard]] GroupHeader group_at(std::uint64_t offset, std::uint64_t file = 1) {
    return load<GroupHeader>(read_file(fs, file_path(0, file)).data() + offset);
  }
};

TEST_CASE_FIXTURE(CompressedLog, "wal compression: a group comes back as it was, and is a fraction as long") {
  const std::uint64_t bytes = append(40);
  sync();
  finish(true);
  const GroupHeader group = group_at(data_offset);
  CHECK(group.raw_bytes == 40 * (record_header_bytes(200) + 200));
  CHECK(group.group_bytes == bytes);
  CHECK(bytes < group.raw_bytes / 2);
  check_cut(40);
}

TEST_CASE_FIXTURE(CompressedLog,
                  "wal compression: not without leave, not of a small group, not where it saves little") {
  SUBCASE("without leave") {
    append(40, Compression::none);
  }
  SUBCASE("small") {
    append(10);
  }
  SUBCASE("bytes that do not compress") {
    std::mt19937_64 random(1);
    std::string body(5'000, '\0');
    for (char& each : body)
      each = static_cast<char>(random());
    records[1] = body;
    REQUIRE(writer->append(*group_of({body}), Compression::allowed).ok());
  }
  sync();
  finish(true);
  CHECK(group_at(data_offset).raw_bytes == 0);
  check_cut(records.size());
}

TEST_CASE_FIXTURE(CompressedLog, "wal compression: a group beyond the bound of readers is stored as it is") {
  const std::string body = body_for(1, 1'000'000);
  auto group = group_of(std::vector<std::string>(raw_bytes_max / 1'000'000, body));
  CHECK(CompressedGroup().assign(*group));
  group = group_of(std::vector<std::string>(raw_bytes_max / 1'000'000 + 1, body));
  CHECK_FALSE(CompressedGroup().assign(*group));
}

TEST_CASE_FIXTURE(CompressedLog, "wal compression: bodies do not change, and one buffer serves groups of all sizes") {
  CompressedGroup compressed;
  for (const std::size_t count : {30U, 300U, 40U}) {
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < count; ++i)
      bodies.push_back(body_for(i, 150));
    const auto group = group_of(bodies);
    static_cast<void>(group->frame(1, 4096, 1, 0)); // as after a write that failed: with checks
    REQUIRE(compressed.assign(*group));
    const auto bytes = compressed.frame(1, 4096, 1, 0);
    CHECK(bytes.size() == compressed.bytes());
    const auto header = load<GroupHeader>(bytes.data());
    std::string raw(header.raw_bytes, '\0');
    const std::string_view block(reinterpret_cast<const char*>(bytes.data()) + sizeof header + sizeof(Check),
                                 bytes.size() - sizeof header - sizeof(Check));
    REQUIRE(lz4::decompress(block, raw));
    const char* at = raw.data();
    for (std::size_t i = 0; i < count; ++i) {
      Record record;
      REQUIRE(take_record(at, raw.data() + raw.size(), record));
      CHECK(record.body == bodies[i]);
      CHECK(record.check == 0);
      CHECK(group->body(i) == bodies[i]);
    }
    CHECK(at == raw.data() + raw.size());
  }
}

TEST_CASE_FIXTURE(CompressedLog, "wal compression: compressed and plain groups in turn, over files and pieces") {
  writer = std::make_unique<Writer>(fs, writer_options(6 * MiB), LogEnd{});
  std::mt19937_64 random(3);
  while (writer->first_file_holding(writer->last_record()) < 3) {
    const std::uint64_t turn = random() % 3;
    append(turn == 0 ? 1 : 20 + random() % 5'000, turn == 1 ? Compression::none : Compression::allowed);
  }
  sync();
  finish(true);
  check_cut(records.size());
  const std::uint64_t cut = records.size() / 2;
  records.erase(records.begin(), records.upper_bound(cut));
  CHECK((recover_all(fs, recover_options(1, cut)).records == records));
}

TEST_CASE_FIXTURE(CompressedLog, "wal compression: of a torn group nothing is kept, of those before it everything") {
  append(30);
  sync();
  const std::uint64_t bytes = append(50);
  finish(false);
  const std::uint64_t start = data_offset + group_at(data_offset).group_bytes;
  for (const int fill : {0x00, 0xFF, 0xA7}) {
    for (std::uint64_t written = 0; written < bytes; written += written < 80 ? 1 : 97) {
      CAPTURE(fill);
      CAPTURE(written);
      restore();
      Bytes content = original.at("0000000000000001.wal");
      std::fill(content.begin() + static_cast<std::ptrdiff_t>(start + written), content.end(),
                static_cast<std::byte>(fill));
      replace_file(fs, file_path(0, 1), content);
      check_cut(30);
    }
  }
}

TEST_CASE_FIXTURE(CompressedLog, "wal compression: whatever bit of a synced group is flipped, it is corruption there") {
  std::vector<std::uint64_t> starts = {data_offset};
  for (int i = 0; i < 2; ++i) {
    starts.push_back(starts.back() + append(25));
    sync();
  }
  SUBCASE("before a later group") {
    append(25);
    finish(false);
  }
  SUBCASE("before the seal") {
    finish(true);
  }
  unsigned mask = 1;
  for (std::size_t group = 0; group + 1 < starts.size(); ++group)
    for (std::uint64_t offset = starts[group]; offset < starts[group + 1];
         ++offset, mask = mask == 0x80 ? 1 : mask << 1U) {
      CAPTURE(offset);
      flip(fs, file_path(0, 1), offset, mask);
      const Status verified = verify(fs, recover_options());
      REQUIRE(verified.code() == Errc::corruption);
      REQUIRE(verified.error().where == place(file_path(0, 1), starts[group]));
      REQUIRE(recover_all(fs).end.code() == Errc::corruption);
      flip(fs, file_path(0, 1), offset, mask);
    }
  CHECK(recover_all(fs).end.ok());
}

TEST_CASE_FIXTURE(CompressedLog,
                  "wal compression: blocks with right checks that hold no such records are not believed") {
  append(25);
  sync();
  finish(false);
  const std::uint64_t identity = file_identity(directory_seed, identity_kind, 0, 1);
  const std::uint64_t start = data_offset + group_at(data_offset).group_bytes;
  const auto file = fs.open(file_path(0, 1), io::OpenMode::read_write);
  const std::string record("\x03\0\0\0\0\0\0\0\0abc", 12);
  const auto write = [&](std::string_view raw, std::uint32_t count, std::string block = {}) {
    restore();
    if (block.empty()) {
      block.resize(lz4::block_bytes_max(raw.size()));
      block.resize(lz4::compress(raw, block, 1));
    }
    GroupHeader group;
    group.records = count;
    group.first_record = 26;
    group.group_bytes = static_cast<std::uint32_t>(sizeof group + sizeof(Check) + block.size());
    group.raw_bytes = static_cast<std::uint32_t>(raw.size());
    group.check = check_of(group, identity, start);
    const Check check = check_of_bytes(block, identity, start + sizeof group + sizeof check);
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(&group, 1)), start).ok());
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(&check, 1)), start + sizeof group).ok());
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(block)), start + sizeof group + sizeof check).ok());
  };
  write(record + record, 2);
  CHECK(recover_all(fs).records.size() == 27);
  for (const std::uint32_t count : {1U, 3U, UINT32_MAX}) {
    write(record + record, count);
    check_cut(25);
  }
  for (std::size_t size = 1; size < 2 * record.size(); ++size) {
    write((record + record).substr(0, size), 2);
    check_cut(25);
  }
  std::string other = record;
  other[4] = 1; // a check where none belongs
  write(other, 1);
  check_cut(25);
  write(record, 1, "no LZ4 block");
  check_cut(25);
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string block(random() % 60 + 1, '\0');
    for (char& each : block)
      each = static_cast<char>(random());
    write(std::string(random() % 300 + 1, 'x'), 1, block);
    check_cut(25);
  }
}

} // namespace
} // namespace weir::wal
