#include "engine/io/memory_faults.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "engine/snapshots/snapshot_file.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::uint64_t seed = 42;
const std::string path = "snapshots.db";

/// Events of contexts, by sequence.
struct Events {
  std::map<std::string, std::map<Sequence, Position>, std::less<>> contexts;

  [[nodiscard]] PositionOf position_of() {
    return [this](std::string_view context, Sequence sequence) -> Result<std::optional<Position>> {
      const auto found = contexts.find(context);
      if (found == contexts.end() || !found->second.contains(sequence))
        return std::optional<Position>();
      return std::optional(found->second.at(sequence));
    };
  }
};

struct Rig {
  Events events;
  io::MemoryFileSystem fs;
  SnapshotFile file{fs, path, seed};

  Status write(std::string_view context, Sequence sequence, std::string_view state, std::string_view tag = "v1") {
    return file.write(context, tag, sequence, events.contexts[std::string(context)][sequence], state,
                      events.position_of());
  }
};

/// "sequence@position state", "none" or the error.
std::string shown(const Result<std::optional<SnapshotRow>>& row) {
  if (!row)
    return why(row);
  if (!*row)
    return "none";
  return std::to_string((*row)->sequence) + "@" + std::to_string((*row)->position) + " " + (*row)->state;
}

std::vector<std::byte> content(io::FileSystem& fs) {
  auto all = io::read_whole_file(fs, path, 1u << 30);
  REQUIRE(all.ok());
  return std::move(*all);
}

std::unique_ptr<io::MemoryFileSystem> disk_with(std::span<const std::byte> bytes) {
  auto fs = std::make_unique<io::MemoryFileSystem>();
  auto file = fs->open(path, io::OpenMode::create);
  REQUIRE(file.ok());
  REQUIRE((*file)->append(bytes).ok());
  return fs;
}

} // namespace

TEST_CASE("snapshot file: a state comes back byte for byte, for its context and its tag only") {
  Rig rig;
  CHECK(shown(rig.file.read("a", "v1")) == "none");
  CHECK(rig.fs.stat(path).code() == Errc::not_found); // a read makes nothing
  rig.events.contexts["a"][7] = 70;
  rig.events.contexts["b"][1] = 71;
  const std::string state("\0\xff{}\n", 5);
  REQUIRE(rig.write("a", 7, state).ok());
  REQUIRE(rig.write("b", 1, "").ok());
  CHECK(shown(rig.file.read("a", "v1")) == "7@70 " + state);
  CHECK(shown(rig.file.read("b", "v1")) == "1@71 ");
  CHECK(shown(rig.file.read("a", "v2")) == "none");
  CHECK(shown(rig.file.read("a", "V1")) == "none");
  CHECK(shown(rig.file.read("A", "v1")) == "none");
  rig.file.close();
  CHECK(shown(rig.file.read("a", "v1")) == "7@70 " + state);
  REQUIRE(rig.file.remove("a").ok());
  CHECK(shown(rig.file.read("a", "v1")) == "none");
  CHECK(shown(rig.file.read("b", "v1")) == "1@71 ");
  CHECK_FALSE(rig.file.take_warning());
}

TEST_CASE("snapshot file: an older snapshot never takes the place of a newer one, whatever its tag") {
  Rig rig;
  rig.events.contexts["a"] = {{3, 30}, {5, 50}};
  REQUIRE(rig.write("a", 5, "five").ok());
  REQUIRE(rig.write("a", 3, "three").ok());
  REQUIRE(rig.write("a", 3, "three", "v2").ok());
  CHECK(shown(rig.file.read("a", "v1")) == "5@50 five");
  REQUIRE(rig.write("a", 5, "five anew", "v2").ok()); // other code, same event: the later call
  CHECK(shown(rig.file.read("a", "v1")) == "none");
  CHECK(shown(rig.file.read("a", "v2")) == "5@50 five anew");
}

TEST_CASE("snapshot file: a snapshot of events that are lost gives way to one of events that are there") {
  Rig rig;
  rig.events.contexts["a"] = {{3, 30}, {9, 90}};
  REQUIRE(rig.write("a", 9, "nine").ok());
  SUBCASE("the sequences were given again, at later positions") {
    rig.events.contexts["a"] = {{3, 30}, {4, 1000}, {9, 1005}};
    REQUIRE(rig.write("a", 4, "four").ok());
    CHECK(shown(rig.file.read("a", "v1")) == "4@1000 four");
  }
  SUBCASE("the directory was put back from a copy that never had them") {
    rig.events.contexts["a"] = {{3, 30}};
    REQUIRE(rig.write("a", 3, "three").ok());
    CHECK(shown(rig.file.read("a", "v1")) == "3@30 three");
  }
}

TEST_CASE("snapshot file: whichever byte is damaged, what is read is right or nothing, and the next write holds") {
  Rig rig;
  rig.events.contexts["a"] = {{7, 70}};
  rig.events.contexts["b"] = {{1, 71}};
  const std::string state(600, 's');
  REQUIRE(rig.write("a", 7, state).ok());
  REQUIRE(rig.write("b", 1, "other").ok());
  rig.file.close();
  const auto sound = content(rig.fs);
  std::size_t flipped = 0, gone = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    if (sound[i] == std::byte{0} && i % 61 != 0) // free space
      continue;
    auto damaged = sound;
    damaged[i] ^= std::byte{static_cast<unsigned char>(1u << (i % 8))};
    const auto fs = disk_with(damaged);
    SnapshotFile file(*fs, path, seed);
    const std::string found = shown(file.read("a", "v1"));
    ++flipped;
    gone += found == "none" ? 1 : 0;
    INFO("byte ", i);
    CHECK_MESSAGE((found == "none" || found == "7@70 " + state), found);
    const Status written = file.write("a", "v1", 7, 70, "anew", rig.events.position_of());
    REQUIRE_MESSAGE(written.ok(), why(written));
    CHECK(shown(file.read("a", "v1")) == "7@70 anew");
  }
  CHECK(flipped > 1'000);
  CHECK(gone > 700); // every byte of the state, of its row and of what leads there
}

TEST_CASE("snapshot file: rows of another directory are none of this one's") {
  Rig rig;
  rig.events.contexts["a"] = {{7, 70}};
  REQUIRE(rig.write("a", 7, "state").ok());
  rig.file.close();
  SnapshotFile other(rig.fs, path, seed + 1);
  CHECK(shown(other.read("a", "v1")) == "none");
  CHECK(other.take_warning());
}

TEST_CASE("snapshot file: what is no database of snapshots is moved away, not written to and not deleted") {
  Rig rig;
  rig.events.contexts["a"] = {{7, 70}};
  std::string planted = "not a database";
  SUBCASE("text") {
    REQUIRE((*rig.fs.open(path, io::OpenMode::create))->append(as_bytes(planted)).ok());
  }
  SUBCASE("a database of somebody else") {
    {
      auto database = sqlite::Database::open(rig.fs, path, {.create = true});
      REQUIRE(database->execute("CREATE TABLE t(a); INSERT INTO t VALUES('theirs')").ok());
    }
    planted = read_text(rig.fs, path);
  }
  SUBCASE("a later format") {
    {
      auto database = sqlite::Database::open(rig.fs, path, {.create = true});
      REQUIRE(database->set_application_id(SnapshotFile::application_id).ok());
      REQUIRE(database->set_user_version(SnapshotFile::format_version + 1).ok());
    }
    planted = read_text(rig.fs, path);
  }
  SUBCASE("our marks on another schema") {
    {
      auto database = sqlite::Database::open(rig.fs, path, {.create = true});
      REQUIRE(database->execute("CREATE TABLE snapshots(context_id, state)").ok());
      REQUIRE(database->set_application_id(SnapshotFile::application_id).ok());
      REQUIRE(database->set_user_version(SnapshotFile::format_version).ok());
    }
    planted = read_text(rig.fs, path);
  }
  CHECK(shown(rig.file.read("a", "v1")) == "none");
  CHECK(rig.file.take_warning());
  CHECK(read_text(rig.fs, "quarantine/" + path) == planted);
  REQUIRE(rig.write("a", 7, "state").ok());
  CHECK(shown(rig.file.read("a", "v1")) == "7@70 state");
  CHECK_FALSE(rig.file.take_warning());
}

TEST_CASE("snapshot file: a file with a second name is moved away unopened") {
  Rig rig;
  rig.events.contexts["a"] = {{7, 70}};
  REQUIRE((*rig.fs.open("elsewhere", io::OpenMode::create))->append(as_bytes("theirs")).ok());
  REQUIRE(rig.fs.add_hard_link("elsewhere", path).ok());
  const Status written = rig.write("a", 7, "state");
  REQUIRE_MESSAGE(written.ok(), why(written));
  CHECK(shown(rig.file.read("a", "v1")) == "7@70 state");
  CHECK(read_text(rig.fs, "elsewhere") == "theirs");
}

TEST_CASE("snapshot file: after a power cut there is one of the snapshots that were saved, or none") {
  const auto random = io::make_seeded_random(7);
  Rig rig;
  for (Sequence i = 1; i <= 40; ++i) {
    rig.events.contexts["a"][i] = 10 * i;
    REQUIRE(rig.write("a", i, std::string(3'000, static_cast<char>('a' + i % 26))).ok());
    for (const auto& policy : {io::CrashPolicy::lose_unsynced(), io::CrashPolicy::keep_everything(),
                               io::CrashPolicy::random_subset(random->next())}) {
      const auto image = rig.fs.crash_image(policy);
      SnapshotFile file(*image, path, seed);
      const auto row = file.read("a", "v1");
      REQUIRE_MESSAGE(row.ok(), why(row));
      if (*row) {
        CHECK((*row)->sequence <= i);
        CHECK((*row)->position == 10 * (*row)->sequence);
        CHECK((*row)->state == std::string(3'000, static_cast<char>('a' + (*row)->sequence % 26)));
      }
      CHECK(file.write("a", "v1", i, 10 * i, "later", rig.events.position_of()).ok());
      CHECK(shown(file.read("a", "v1")) == std::to_string(i) + "@" + std::to_string(10 * i) + " later");
    }
  }
}

TEST_CASE("snapshot file: whichever call of the disk fails, no read is wrong and the next write holds") {
  std::size_t failures = 0;
  for (const auto fault : {io::DiskFault::eio, io::DiskFault::enospc, io::DiskFault::short_write}) {
    for (std::uint64_t call = 1;; ++call) {
      Rig rig;
      rig.events.contexts["a"] = {{7, 70}, {8, 80}};
      REQUIRE(rig.write("a", 7, "seven").ok());
      rig.file.close();
      auto tally = std::make_shared<io::FaultTally>();
      rig.fs.set_hook(io::failing_calls({.fault = fault, .first_call = call}, tally));
      const std::string before = shown(rig.file.read("a", "v1"));
      const bool written = rig.write("a", 8, "eight").ok();
      const std::string after = shown(rig.file.read("a", "v1"));
      rig.fs.set_hook({});
      INFO(io::name_of(fault), ", call ", call);
      const auto legal = [](const std::string& found) {
        return found == "7@70 seven" || found == "8@80 eight" || found == "none" || found.find("error") != found.npos ||
               found.find("full") != found.npos;
      };
      CHECK(legal(before));
      CHECK(legal(after));
      if (tally->failed == 0) {
        CHECK(written);
        CHECK(after == "8@80 eight");
        break;
      }
      ++failures;
      REQUIRE(rig.write("a", 8, "eight again").ok());
      CHECK(shown(rig.file.read("a", "v1")) == "8@80 eight again");
    }
  }
  CHECK(failures > 60);
}
