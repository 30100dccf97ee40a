// Log files with checksums that are right and contents that no writer would write, and errors at every step of reading.

#include "tests/wal/damaged_log.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <optional>

namespace weir::wal {
namespace {

using namespace test;

std::uint64_t identity_of(std::uint64_t number) {
  return file_identity(directory_seed, identity_kind, 0, number);
}

/// A log of two files, each with groups of 1,000 bytes, and what changes structures in it.
struct ForgedLog : Log {
  template <class T> T get(std::uint64_t number, std::uint64_t offset) {
    return load<T>(read_file(fs, file_path(0, number)).data() + offset);
  }
  template <class T> void put(std::uint64_t number, std::uint64_t offset, T value) {
    const auto file = fs.open(file_path(0, number), io::OpenMode::read_write);
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(&value, 1)), offset).ok());
  }
  /// Changes a header, group or seal and makes its checksum right.
  template <class T> void forge(std::uint64_t number, std::uint64_t offset, const std::function<void(T&)>& change) {
    T value = get<T>(number, offset);
    change(value);
    value.check = check_of(value, identity_of(number), offset);
    put(number, offset, value);
  }
};

TEST_CASE_FIXTURE(ForgedLog, "wal reader: a whole header that says impossible things is none") {
  write(2, false); // synced: its loss is corruption
  const std::vector<std::function<void(FileHeader&)>> changes = {
      [](FileHeader& h) { h.shard = 1; }, [](FileHeader& h) { h.number = 2; },
      [](FileHeader& h) { h.first_record = 0; }, [](FileHeader& h) { h.predecessor_last_record = h.first_record; },
      [](FileHeader& h) { h.file_bytes = 4095; }};
  for (const auto& change : changes) {
    restore();
    forge<FileHeader>(1, 0, change);
    check_corrupt(place(file_path(0, 1), 0));
  }
  restore();
  forge<FileHeader>(1, 0, [](FileHeader& h) { h.version = format_version + 1; });
  const auto recovered = recover_all(fs);
  CHECK(recovered.end.code() == Errc::incompatible);
  CHECK(recovered.end.error().where == place(file_path(0, 1), 0));
}

TEST_CASE_FIXTURE(ForgedLog, "wal reader: a header that promises less than the file has ends it there") {
  write(2, false);
  forge<FileHeader>(1, 0, [](FileHeader& h) { h.file_bytes = data_offset; });
  check_corrupt(place(file_path(0, 1), data_offset)); // the second group says that the first was synced
  restore();
  forge<FileHeader>(1, 0, [](FileHeader& h) { h.file_bytes = data_offset + group_bytes; });
  check_cut(1);
}

TEST_CASE_FIXTURE(ForgedLog,
                  "wal recovery: a file that follows another file or record than the one before is refused") {
  write(4, false); // files 1 and 2
  const auto refused = [&](const std::function<void(FileHeader&)>& change) {
    restore();
    forge<FileHeader>(2, 0, change);
    check_corrupt(place(file_path(0, 2), 0));
  };
  refused([](FileHeader& h) { h.predecessor = 0; });
  refused([](FileHeader& h) { h.predecessor = 2; });
  refused([](FileHeader& h) { --h.predecessor_last_record; });
}

TEST_CASE_FIXTURE(ForgedLog, "wal reader: a seal that contradicts the records before it is corruption") {
  write(3, true);
  const std::uint64_t offset = data_offset + 3 * group_bytes;
  const auto refused = [&](const std::function<void(Seal&)>& change) {
    restore();
    forge<Seal>(1, offset, change);
    check_corrupt(place(file_path(0, 1), offset));
  };
  refused([](Seal& s) { ++s.last_record; });
  refused([](Seal& s) { --s.records; });
  refused([](Seal& s) { s.successor = 3; });
}

TEST_CASE_FIXTURE(ForgedLog, "wal reader: a whole group header that says impossible things ends the log") {
  write(2, false);
  const std::uint64_t offset = data_offset + group_bytes;
  const std::vector<std::function<void(GroupHeader&)>> changes = {
      [](GroupHeader& g) { g.records = 0; },
      [](GroupHeader& g) { g.first_record = 1; },
      [](GroupHeader& g) { g.first_record = 3; },
      [](GroupHeader& g) { g.group_bytes = 0; },
      [](GroupHeader& g) { g.group_bytes = sizeof(GroupHeader) + sizeof(Check); },
      [](GroupHeader& g) { g.group_bytes -= 1; },
      [](GroupHeader& g) { g.group_bytes = small_file_bytes; },
      [](GroupHeader& g) { g.synced_offset = data_offset + 2 * group_bytes; },
      [](GroupHeader& g) { g.raw_bytes = UINT32_MAX; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    restore();
    forge<GroupHeader>(1, offset, changes[i]);
    check_cut(1);
  }
  INFO("one byte or one record more than there are: those that are there are whole");
  for (const bool byte : {true, false}) {
    restore();
    forge<GroupHeader>(1, offset, [byte](GroupHeader& g) { (byte ? g.group_bytes : g.records) += 1; });
    check_cut(2);
  }
}

TEST_CASE_FIXTURE(ForgedLog, "wal reader: a whole compressed group that does not decode to its records ends the log") {
  Writer writer(fs, writer_options(4 * small_file_bytes), {});
  store(writer);
  REQUIRE(writer.sync().ok());
  const std::uint64_t offset = data_offset + sizeof(GroupHeader) + record_header_bytes(40) + 40;
  original = snapshot(fs);
  // As a writer makes it, of any records and any claims.
  const auto put_group = [&](const std::string& raw, std::uint32_t count, std::uint32_t raw_bytes) {
    std::string block(raw.size() + 100, ' ');
    block.resize(lz4::compress(raw, {block.data(), block.size()}, 1));
    GroupHeader group;
    group.records = count;
    group.first_record = 2;
    group.group_bytes = static_cast<std::uint32_t>(sizeof group + sizeof(Check) + block.size());
    group.raw_bytes = raw_bytes;
    group.check = check_of(group, identity_of(1), offset);
    put(1, offset, group);
    const std::uint64_t at = offset + sizeof group;
    put(1, at, check_of_bytes(block, identity_of(1), at + sizeof(Check)));
    const auto file = fs.open(file_path(0, 1), io::OpenMode::read_write);
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(block)), at + sizeof(Check)).ok());
  };
  Group group(10);
  for (std::uint64_t record = 2; record <= 30; ++record) {
    records[record] = body_for(record, 200);
    group.add(records[record]);
  }
  const std::string raw(group.unchecked_records());
  const auto bytes = static_cast<std::uint32_t>(raw.size());
  put_group(raw, 29, bytes);
  check_cut(30);
  const auto cut_with = [&](const std::string& content, std::uint32_t count, std::uint32_t claimed) {
    restore();
    put_group(content, count, claimed);
    check_cut(1);
  };
  cut_with(raw, 29, bytes - 1);
  cut_with(raw, 29, bytes + 1);
  cut_with(raw, 28, bytes);
  cut_with(raw, 30, bytes);
  cut_with(raw.substr(0, bytes - 1), 29, bytes - 1);
  cut_with(raw + "x", 29, bytes + 1);
  std::string checked = raw;
  checked[2] = 1; // a record in a block has no check of its own: this is the first byte of where it would be
  cut_with(checked, 29, bytes);
  restore();
  put_group(raw, 29, bytes);
  flip(fs, file_path(0, 1), offset + sizeof(GroupHeader) + sizeof(Check) + 5);
  check_cut(1);
}

TEST_CASE_FIXTURE(ForgedLog, "wal reader: a file that becomes shorter while it is read is an I/O error, not an end") {
  write(2, false);
  bool cut = false;
  std::uint64_t reads = 0, at_read = 0;
  const auto cut_before_read = [&](const io::Call& call) -> std::optional<Error> {
    if (cut || call.operation != io::Operation::read || ++reads != at_read)
      return std::nullopt;
    cut = true;
    truncate(fs, file_path(0, 1), data_offset + 100);
    return std::nullopt;
  };
  // The first read is of the header, the second of the groups.
  at_read = 2;
  fs.set_hook(cut_before_read);
  const auto recovered = recover_all(fs);
  fs.set_hook({});
  REQUIRE(recovered.end.code() == Errc::io_error);
  CHECK(recovered.end.error().where == place(file_path(0, 1), data_offset + 100));

  INFO("when the search for what had been synced meets the end, it is over");
  restore();
  cut = false;
  reads = 0;
  at_read = 4; // behind the look for a seal
  fs.set_hook(cut_before_read);
  const auto end = recover_all(fs).end;
  fs.set_hook({});
  CHECK(cut);
  CHECK(end.ok());
}

/// Some pieces of groups that are stored as they are and, if `mixed`, of compressed ones, which become much longer.
struct LargeLog : Log {
  explicit LargeLog(bool mixed) {
    Writer writer(fs, writer_options(16 * MiB), {});
    for (std::uint64_t group = 0; group < (mixed ? 10 : 5); ++group) {
      std::vector<std::string> bodies;
      const bool compressed = mixed && group % 2 == 0;
      for (std::uint64_t i = 0; i < 10; ++i) {
        const std::uint64_t record = writer.next_record() + i;
        bodies.push_back(compressed ? std::string(280'000, static_cast<char>('a' + i)) : body_for(record, 200'000));
        records[record] = bodies.back();
      }
      REQUIRE(writer.append(*group_of(bodies), compressed ? Compression::allowed : Compression::none).ok());
    }
    REQUIRE(writer.sync().ok());
    original = snapshot(fs);
  }
};

TEST_CASE("wal recovery: an error of the visitor ends it wherever it comes, and changes nothing") {
  for (const bool mixed : {true, false}) {
    CAPTURE(mixed);
    const LargeLog log(mixed);
    REQUIRE(recover_all(*log.fs.after_kill()).records == log.records);
    std::uint64_t k = 1;
    for (;; ++k) {
      CAPTURE(k);
      std::uint64_t visits = 0;
      const auto disk = log.fs.after_kill();
      const std::uint64_t before = disk->content_hash();
      const auto end = recover(*disk, recover_options(), [&](auto&&...) -> Status {
        return ++visits == k ? Status(fail(Errc::too_large, "enough")) : Status();
      });
      if (visits < k) {
        CHECK(end.ok());
        break;
      }
      CHECK(visits == k);
      CHECK(end.code() == Errc::too_large);
      CHECK(disk->content_hash() == before);
    }
    CHECK(k > (mixed ? 5 : 3)); // one piece after the other
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: a fault while it tidies up is told, and the next recovery succeeds") {
  // Released files of the right and of another length, a spare of each kind, and one that was never finished.
  {
    Writer writer(fs, writer_options(), {});
    for (int i = 0; i < 5; ++i)
      store(writer, 3'000);
    store(writer, 20'000); // a file of its own, longer than the others
    store(writer, 3'000);
    REQUIRE(writer.sync().ok());
  }
  const std::uint64_t last = records.rbegin()->first;
  const auto put_file = [&](const std::string& path, std::uint64_t bytes) {
    const auto file = fs.open(path, io::OpenMode::create);
    REQUIRE((*file)->truncate(bytes).ok());
  };
  put_file(spare_path(0, 101), small_file_bytes);
  put_file(spare_path(0, 102), small_file_bytes - 1);
  put_file(unfinished_spare_path(0, 103), 100);
  put_file(shard_directory(0) + "/notes.txt", 1);
  std::uint64_t first_live = 0;
  for (const auto& [name, content] : snapshot(fs))
    if (const auto parsed = parse_name(name); parsed && parsed->kind == NameKind::file)
      first_live = std::max(first_live, parsed->number);
  const RecoverOptions options = recover_options(first_live, last - 1);
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    const auto disk = fs.after_kill();
    std::uint64_t calls = 0;
    disk->set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    const auto recovered = recover_all(*disk, options);
    disk->set_hook({});
    CHECK(recovered.end.ok() == (calls < k));
    const auto again = recover_all(*disk, options);
    REQUIRE(again.end.ok());
    CHECK(again.records == Records{{last, records[last]}});
    CHECK(again.end->spares.size() <= options.spares_max);
    CHECK(again.end->unknown == std::vector<std::string>{"wal/000/notes.txt"});
    if (calls < k)
      break;
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: to verify tells an I/O error as such, whichever call it was") {
  write(5, false);
  std::fill_n(original["0000000000000002.wal"].begin(), 4096, std::byte{0}); // a header that was never durable
  std::fill(original["0000000000000002.wal"].begin() + 4096, original["0000000000000002.wal"].end(), std::byte{0});
  std::fill(original["0000000000000001.wal"].begin() + data_offset + 2 * group_bytes,
            original["0000000000000001.wal"].end(), std::byte{0}); // and the end before it
  restore();
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    std::uint64_t calls = 0;
    fs.set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    const Status verified = verify(fs, recover_options());
    fs.set_hook({});
    CHECK(verified.code() == (calls < k ? Errc::ok : Errc::io_error));
    if (calls < k)
      break;
  }
}

TEST_CASE_FIXTURE(Log, "wal writer: a file is released at last though every call of that fails once") {
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    io::MemoryFileSystem disk;
    Writer writer(disk, writer_options(), {});
    std::uint64_t last = 0;
    for (int i = 0; i < 7; ++i)
      last = append_one(writer, body_for(static_cast<std::uint64_t>(i), 3'000));
    REQUIRE(writer.sync().ok());
    const std::uint64_t first = writer.first_file_holding(last);
    REQUIRE(first > 2);
    std::uint64_t calls = 0;
    disk.set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    const Status released = writer.release_before(first);
    disk.set_hook({});
    CHECK(released.code() == (calls < k ? Errc::ok : Errc::io_error));
    REQUIRE(writer.release_before(first).ok());
    CHECK(recover_all(disk, recover_options(first, last - 1)).records.size() == 1);
    if (calls < k)
      break;
  }
}

TEST_CASE_FIXTURE(Disk, "wal writer: a change-over that cannot sync the file before poisons it") {
  Writer writer(fs, writer_options(), {});
  append_one(writer, body_for(1, 3'000));
  // The next group needs a new file. Its zeros are synced first, then the file before it.
  std::uint64_t syncs = 0;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data && call.path == file_path(0, 1))
      return ++syncs, fail(Errc::io_error, "injected");
    return std::nullopt;
  });
  CHECK(writer.append(*group_of({body_for(2, 3'000)})).code() == Errc::io_error);
  CHECK(syncs == 1);
  CHECK(writer.poisoned());
  CHECK(writer.synced_record() == 0);
  fs.set_hook({});
  CHECK(fs.stat(file_path(0, 2)).code() == Errc::not_found);
  CHECK(recover_all(*fs.crash_image(io::CrashPolicy::lose_unsynced())).records.empty());
}

} // namespace
} // namespace weir::wal
