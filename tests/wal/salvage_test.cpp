// What salvage finds in one log file, whole or damaged.

#include "tests/wal/damaged_log.hpp"
#include "wal/salvage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

namespace weir::wal {
namespace {

using namespace test;

struct Salvaged {
  Result<FileSalvage> result = FileSalvage{};
  std::vector<std::string> bodies;

  [[nodiscard]] std::vector<std::string> places() const {
    std::vector<std::string> all;
    for (const Error& error : result->damaged)
      all.push_back(error.where);
    return all;
  }
};

Salvaged salvage(io::FileSystem& fs, const std::string& path, std::uint64_t number = 1, ShardId shard = 0,
                 std::uint64_t seed = directory_seed) {
  Salvaged salvaged;
  salvaged.result = salvage_file(fs, path, shard, number, seed, [&](std::string_view body) -> Status {
    salvaged.bodies.emplace_back(body);
    return {};
  });
  if (salvaged.result)
    CHECK(salvaged.result->records == salvaged.bodies.size());
  return salvaged;
}

/// Files of some groups of three records.
struct SalvageLog : Log {
  std::vector<std::string> bodies; ///< Of the one file.

  void append(Writer& writer, std::size_t count, std::size_t bytes, Compression compression = Compression::none) {
    std::vector<std::string> group;
    for (std::size_t i = 0; i < count; ++i)
      group.push_back(body_for(writer.next_record() + i, bytes));
    bodies.insert(bodies.end(), group.begin(), group.end());
    REQUIRE(writer.append(*group_of(group), compression).ok());
    REQUIRE(writer.sync().ok());
  }
  /// Two plain groups, a compressed one, a plain one: three records each.
  void write_four() {
    Writer writer(fs, writer_options(4 * small_file_bytes), {});
    append(writer, 3, 100);
    append(writer, 3, 100);
    append(writer, 3, 3'000, Compression::allowed);
    append(writer, 3, 100);
    original = snapshot(fs);
    REQUIRE(group(2).raw_bytes != 0);
  }
  [[nodiscard]] GroupHeader group(std::size_t number) {
    return load<GroupHeader>(read_file(fs, path).data() + offset(number));
  }
  [[nodiscard]] std::uint64_t offset(std::size_t number) {
    std::uint64_t at = data_offset;
    const auto bytes = read_file(fs, path);
    for (; number != 0; --number)
      at += load<GroupHeader>(bytes.data() + at).group_bytes;
    return at;
  }
  [[nodiscard]] std::vector<std::string> without(std::size_t first, std::size_t count) const {
    std::vector<std::string> rest = bodies;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(first),
               rest.begin() + static_cast<std::ptrdiff_t>(first + count));
    return rest;
  }
  const std::string path = file_path(0, 1);
};

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: a whole file gives every record, and no damage") {
  write_four();
  const auto salvaged = salvage(fs, path);
  REQUIRE(salvaged.result.ok());
  CHECK(salvaged.bodies == bodies);
  CHECK(salvaged.result->damaged.empty());
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: one damaged record costs itself, in a compressed group all of them") {
  write_four();
  SUBCASE("a body") {
    flip(fs, path, offset(1) + sizeof(GroupHeader) + record_header_bytes(100) + 7);
    CHECK(salvage(fs, path).bodies == without(3, 1));
  }
  SUBCASE("a length: the rest of the group cannot be found") {
    flip(fs, path, offset(1) + sizeof(GroupHeader), 0x40);
    CHECK(salvage(fs, path).bodies == without(3, 3));
  }
  SUBCASE("a check") {
    flip(fs, path, offset(1) + sizeof(GroupHeader) + 3);
    CHECK(salvage(fs, path).bodies == without(3, 1));
  }
  const auto damaged = salvage(fs, path);
  REQUIRE(damaged.result.ok());
  CHECK(damaged.places() == std::vector<std::string>{place(path, offset(1))});
  restore();
  flip(fs, path, offset(2) + sizeof(GroupHeader) + sizeof(Check) + 20);
  CHECK(salvage(fs, path).bodies == without(6, 3));
  CHECK(salvage(fs, path).places() == std::vector<std::string>{place(path, offset(2))});
  CHECK(salvage(fs, path).result->damaged.front().message == "3 of the 3 records of a group are damaged");
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: without a group's header it goes on at the next one") {
  write_four();
  const std::uint64_t end = offset(2);
  flip(fs, path, offset(1) + 6);
  const auto salvaged = salvage(fs, path);
  CHECK(salvaged.bodies == without(3, 3));
  REQUIRE(salvaged.result->damaged.size() == 1);
  CHECK(salvaged.result->damaged.front().message == "no whole group up to offset " + std::to_string(end));
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: a file cut at any length gives what is before the cut") {
  write_four();
  const auto whole = read_file(fs, path);
  const std::uint64_t end = offset(3) + group(3).group_bytes;
  std::size_t most = 0;
  for (std::uint64_t length = 0; length <= end; length += length % 7 == 0 ? 1 : 6) {
    CAPTURE(length);
    replace_file(fs, path, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    const auto salvaged = salvage(fs, path);
    REQUIRE(salvaged.result.ok());
    CHECK(std::equal(salvaged.bodies.begin(), salvaged.bodies.end(), bodies.begin()));
    CHECK(salvaged.bodies.size() >= most);
    most = salvaged.bodies.size();
    CHECK(salvaged.result->damaged.size() <= 1);
  }
  CHECK(most >= bodies.size() - 1);
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: whichever byte is flipped, only whole records are handed out") {
  write_four();
  const std::uint64_t end = offset(3) + group(3).group_bytes;
  for (std::uint64_t at = data_offset; at < end; ++at) {
    CAPTURE(at);
    const unsigned mask = 1U << at % 8;
    flip(fs, path, at, mask);
    const auto salvaged = salvage(fs, path);
    flip(fs, path, at, mask);
    REQUIRE(salvaged.result.ok());
    auto next = bodies.begin();
    for (const std::string& body : salvaged.bodies) {
      next = std::find(next, bodies.end(), body);
      REQUIRE(next != bodies.end());
      ++next;
    }
    CHECK(salvaged.bodies.size() >= bodies.size() - 3);
    // A damaged last header is not told from the end of the file; all else is.
    CHECK((salvaged.bodies.size() == bodies.size() || !salvaged.result->damaged.empty() || at >= offset(3)));
  }
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: a file under another name is what its header says") {
  write_four();
  REQUIRE(fs.rename(path, "lost-and-found").ok());
  CHECK(salvage(fs, "lost-and-found", 9, 3).bodies == bodies);
  INFO("a higher number of the same shard may be an earlier life of a recycled file: the name counts");
  CHECK(salvage(fs, "lost-and-found", 9, 0).bodies.empty());
  INFO("without a header of this directory the name counts");
  CHECK(salvage(fs, "lost-and-found", 1, 0, directory_seed + 1).bodies.empty());
  flip(fs, "lost-and-found", 20);
  CHECK(salvage(fs, "lost-and-found", 1, 0).bodies == bodies);
  CHECK(salvage(fs, "lost-and-found", 2, 0).bodies.empty());
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: whose header it is is said by magic and checksum") {
  write_four();
  auto header = load<FileHeader>(read_file(fs, path).data());
  CHECK(belongs_to(header, directory_seed));
  CHECK_FALSE(belongs_to(header, directory_seed + 1));
  header.first_record = 2;
  CHECK_FALSE(belongs_to(header, directory_seed));
  header.check = check_of(header, file_identity(directory_seed, identity_kind, 0, 1), 0);
  CHECK(belongs_to(header, directory_seed));
  header.magic += 1;
  CHECK_FALSE(belongs_to(header, directory_seed));
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: a group that promises more than there is gives what there is") {
  write_four();
  const std::uint64_t identity = file_identity(directory_seed, identity_kind, 0, 1);
  const std::uint64_t at = offset(2);
  const auto forge = [&](std::uint64_t to, auto change) {
    GroupHeader header = load<GroupHeader>(read_file(fs, path).data() + to);
    change(header);
    header.check = check_of(header, identity, to);
    const auto file = fs.open(path, io::OpenMode::read_write);
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(&header, 1)), to).ok());
  };
  SUBCASE("a record") {
    forge(offset(1), [](GroupHeader& g) { g.records = 4; });
    CHECK(salvage(fs, path).bodies == bodies);
  }
  SUBCASE("raw bytes") {
    forge(at, [](GroupHeader& g) { g.raw_bytes += 1; });
    CHECK(salvage(fs, path).bodies == without(6, 3));
  }
  SUBCASE("a compressed record") {
    forge(at, [](GroupHeader& g) { g.records = 4; });
    CHECK(salvage(fs, path).bodies == bodies);
  }
  SUBCASE("a block, and the file ends before its check") {
    truncate(fs, path, at + sizeof(GroupHeader) + 7);
    CHECK(salvage(fs, path).bodies.size() == 6);
  }
  CHECK(salvage(fs, path).result->damaged.size() == 1);
  restore();
  forge(offset(1), [](GroupHeader& g) { g.group_bytes = 1 << 20; }); // to behind the end of the file
  CHECK(salvage(fs, path).bodies == without(6, 6));
}

TEST_CASE_FIXTURE(SalvageLog, "wal salvage: errors of the disk and of the visitor are passed on") {
  write_four();
  CHECK(salvage(fs, "missing").result.code() == Errc::not_found);
  fs.set_hook([](const io::Call& call) -> std::optional<Error> {
    return call.operation == io::Operation::read ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
  });
  CHECK(salvage(fs, path).result.code() == Errc::io_error);
  fs.set_hook({});
  for (std::size_t k = 1; k <= bodies.size(); ++k) {
    std::size_t visits = 0;
    const auto stopped = salvage_file(fs, path, 0, 1, directory_seed, [&](std::string_view) {
      return ++visits == k ? Status(fail(Errc::disk_full, "no space for the export")) : Status();
    });
    CHECK(stopped.code() == Errc::disk_full);
    CHECK(visits == k);
  }
}

} // namespace
} // namespace weir::wal
