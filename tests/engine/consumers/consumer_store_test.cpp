#include "engine/consumers/consumer_store.hpp"
#include "engine/io/memory_faults.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::uint64_t seed = 42;
const std::string path = "consumers.db";

void describe(Position position, ParkedEvent& event) {
  event.context_id = "context-" + std::to_string(position % 3);
  event.sequence = position * 2;
  event.event_type = "placed";
  event.parked_at = Timestamp{std::chrono::microseconds{1'000'000}};
}

GroupChanges changes_of(std::optional<Position> checkpoint, std::vector<Position> done,
                        std::vector<GroupChanges::Delivered> delivered = {}) {
  GroupChanges changes;
  changes.checkpoint = checkpoint;
  changes.done = std::move(done);
  changes.delivered = std::move(delivered);
  return changes;
}

/// Everything a store says, as text: what a test compares.
std::string dump(ConsumerStore& store) {
  const auto all = store.list();
  if (!all)
    return why(all);
  std::string text;
  for (const ConsumerRecord& record : *all) {
    text += record.name + (record.kind == ConsumerKind::group ? " group" : " single") + " at " +
            std::to_string(record.checkpoint);
    const auto group = store.load_group(record);
    if (!group)
      return why(group);
    for (const Position position : group->done)
      text += " done " + std::to_string(position);
    for (const auto& [position, deliveries] : group->delivered)
      text += " out " + std::to_string(position) + "x" + std::to_string(deliveries);
    for (const ParkedEvent& each : group->parked)
      text += " parked " + std::to_string(each.position) + "x" + std::to_string(each.deliveries) + " " +
              each.context_id + (each.replay_wanted ? " wanted" : "") + " '" + each.reason + "'";
    text += "\n";
  }
  return text;
}

void fill(ConsumerStore& store) {
  auto group = store.create("group", ConsumerKind::group, 1);
  REQUIRE_MESSAGE(group.ok(), why(group));
  auto single = store.create("single", ConsumerKind::single, 7);
  REQUIRE(single.ok());
  GroupChanges changes = changes_of(std::nullopt, {2, 4}, {{1, 1}, {2, 1}, {3, 2}, {4, 1}});
  changes.done.push_back(5);
  changes.parked.push_back({5, 3, "no such order", false});
  const Status applied = store.apply(*group, changes, describe);
  REQUIRE_MESSAGE(applied.ok(), why(applied));
}
void fill_and_close(io::FileSystem& fs) {
  ConsumerStore store(fs, path, seed);
  fill(store);
}

void tamper(io::FileSystem& fs, const char* sql) {
  auto database = sqlite::Database::open(fs, path, {.create = false, .exclusive = true});
  REQUIRE_MESSAGE(database.ok(), why(database));
  REQUIRE(database->execute(sql).ok());
}

const std::string filled =
    "group group at 1 done 2 done 4 done 5 out 1x1 out 3x2 parked 5x3 context-2 'no such order'\n"
    "single single at 7\n";

} // namespace

TEST_CASE("consumer store: a question makes no file, what is told is there after a restart") {
  io::MemoryFileSystem fs;
  ConsumerStore store(fs, path, seed);
  CHECK(dump(store) == "");
  CHECK_FALSE(store.find("group")->has_value());
  CHECK(fs.stat(path).code() == Errc::not_found);
  fill(store);
  CHECK(dump(store) == filled);
  store.close();
  CHECK(dump(store) == filled);

  auto group = **store.find("group");
  REQUIRE(store.apply(group, changes_of(Position{5}, {}), describe).ok());
  CHECK(store.load_group(group)->done == std::vector<Position>{5});
  CHECK(store.count(group)->parked == 1);
  GroupChanges unparked;
  unparked.unparked.push_back(5);
  REQUIRE(store.apply(group, unparked, describe).ok());
  REQUIRE(store.apply(group, changes_of(Position{9}, {}), describe).ok());
  auto single = **store.find("single");
  REQUIRE(store.move(single, 20).ok());
  CHECK(dump(store) == "group group at 9\nsingle single at 20\n");
  REQUIRE(store.remove(group).ok());
  CHECK(dump(store) == "single single at 20\n");
}

TEST_CASE("consumer store: a copy holds all of it, and is made of a file that is in use") {
  io::MemoryFileSystem fs, other;
  ConsumerStore store(fs, path, seed);
  const auto nothing = store.copy_to(other, path);
  REQUIRE_MESSAGE(nothing.ok(), why(nothing));
  CHECK_FALSE(*nothing);
  fill(store);
  const auto copied = store.copy_to(other, path);
  REQUIRE_MESSAGE(copied.ok(), why(copied));
  CHECK(*copied);
  auto single = **store.find("single");
  REQUIRE(store.move(single, 20).ok());
  ConsumerStore copy(other, path, seed);
  CHECK(dump(copy) == filled);
}

TEST_CASE("consumer store: a reset forgets what was done, and parked events that come again by themselves") {
  io::MemoryFileSystem fs;
  ConsumerStore store(fs, path, seed);
  fill(store);
  auto group = **store.find("group");
  GroupChanges changes;
  changes.parked.push_back({2, 1, "bad", false});
  REQUIRE(store.apply(group, changes, describe).ok());
  REQUIRE(store.reset(group, 3).ok());
  CHECK(dump(store) == "group group at 3 parked 2x1 context-2 'bad'\nsingle single at 7\n");
}

TEST_CASE("consumer store: parked events are listed in order, and wanted ones told apart") {
  io::MemoryFileSystem fs;
  ConsumerStore store(fs, path, seed);
  auto group = *store.create("group", ConsumerKind::group, 1);
  GroupChanges changes;
  for (Position position = 1; position <= 9; ++position)
    changes.parked.push_back({position, 1, "bad", false});
  REQUIRE(store.apply(group, changes, describe).ok());
  const auto some = store.parked(group, 4, 3);
  REQUIRE(some.ok());
  CHECK(some->size() == 3);
  CHECK((*some)[0].position == 4);
  CHECK((*some)[0].sequence == 8);
  CHECK((*some)[0].event_type == "placed");
  const auto wanted = store.want_parked(group, "context-1");
  REQUIRE_MESSAGE(wanted.ok(), why(wanted));
  CHECK(wanted->size() == 3);
  CHECK((*wanted)[0].position == 1);
  CHECK(store.want_parked(group, "context-1")->empty());
  CHECK(store.want_parked(group, "")->size() == 6);
  GroupChanges again;
  again.parked.push_back({4, 2, "still bad", true});
  REQUIRE(store.apply(group, again, describe).ok());
  CHECK_FALSE((*store.parked(group, 4, 1))[0].replay_wanted);
  CHECK((*store.parked(group, 4, 1))[0].reason == "still bad");
}

TEST_CASE("consumer store: whichever byte is damaged, the answer is what was stored or an error, never another place") {
  io::MemoryFileSystem fs;
  fill_and_close(fs);
  const auto sound = io::read_whole_file(fs, path, 1u << 30);
  REQUIRE(sound.ok());
  std::size_t flipped = 0, found = 0;
  for (std::size_t i = 0; i < sound->size(); ++i) {
    if ((*sound)[i] == std::byte{0} && i % 97 != 0) // free space
      continue;
    auto damaged = *sound;
    damaged[i] ^= std::byte{static_cast<unsigned char>(1u << (i % 8))};
    io::MemoryFileSystem other;
    REQUIRE((*other.open(path, io::OpenMode::create))->append(damaged).ok());
    ConsumerStore store(other, path, seed);
    const std::string text = dump(store);
    ++flipped;
    const bool told = text.find("corruption") != text.npos || text.find("incompatible") != text.npos ||
                      text.find("io_error") != text.npos;
    found += told ? 1 : 0;
    CHECK_MESSAGE((told || text == filled), "byte " << i << ": " << text);
  }
  CHECK(flipped > 1'000);
  CHECK(found > 500);
}

TEST_CASE("consumer store: a missing row, and a genuine one of another time, are found") {
  io::MemoryFileSystem fs;
  fill_and_close(fs);
  SUBCASE("a done event") {
    tamper(fs, "DELETE FROM deliveries WHERE position=4");
  }
  SUBCASE("a parked event") {
    tamper(fs, "DELETE FROM parked");
  }
  SUBCASE("another number") {
    tamper(fs, "UPDATE deliveries SET deliveries=1 WHERE position=3");
  }
  ConsumerStore store(fs, path, seed);
  CHECK(dump(store).find("corruption") == 0);
}

TEST_CASE("consumer store: a damaged parked event is not made sound by the wish to see it again") {
  io::MemoryFileSystem fs;
  fill_and_close(fs);
  tamper(fs, "UPDATE parked SET sequence=sequence+1");
  ConsumerStore store(fs, path, seed);
  auto group = *store.find("group");
  REQUIRE(group.has_value());
  CHECK(store.want_parked(*group, "").code() == Errc::corruption);
  CHECK(store.load_group(*group).code() == Errc::corruption);
}

TEST_CASE("consumer store: where no id is left, nobody loses his place to a new consumer") {
  io::MemoryFileSystem fs;
  fill_and_close(fs);
  tamper(fs, "UPDATE consumers SET id=9223372036854775807 WHERE name=x'73696e676c65'");
  ConsumerStore store(fs, path, seed);
  CHECK(store.create("another", ConsumerKind::single, 1).code() == Errc::corruption);
}

TEST_CASE("consumer store: the file of another directory, program or format is refused and keeps its bytes") {
  io::MemoryFileSystem fs;
  std::uint64_t opened_with = seed;
  Errc expected = Errc::incompatible;
  SUBCASE("another directory") {
    ConsumerStore store(fs, path, seed);
    fill(store);
    opened_with = seed + 1;
    expected = Errc::corruption;
  }
  SUBCASE("another program") {
    auto database = sqlite::Database::open(fs, path, {.create = true});
    REQUIRE(database->execute("CREATE TABLE t(a)").ok());
  }
  SUBCASE("a later format") {
    auto database = sqlite::Database::open(fs, path, {.create = true});
    REQUIRE(database->set_application_id(ConsumerFile::application_id).ok());
    REQUIRE(database->set_user_version(ConsumerFile::format_version + 1).ok());
  }
  SUBCASE("no database") {
    REQUIRE((*fs.open(path, io::OpenMode::create))->append(as_bytes("not a database")).ok());
    expected = Errc::corruption;
  }
  const std::string before = read_text(fs, path);
  ConsumerStore store(fs, path, opened_with);
  CHECK(store.list().code() == expected);
  if (opened_with == seed)
    CHECK(store.create("new", ConsumerKind::group, 1).code() == expected);
  CHECK(read_text(fs, path) == before);
}

TEST_CASE("consumer store: a power cut at any call of the disk leaves what was told, and nothing that was not asked") {
  const auto random = io::make_seeded_random(11);
  io::MemoryFileSystem fs;
  std::vector<std::unique_ptr<io::MemoryFileSystem>> images;
  std::string told; // what the last finished call left
  std::vector<std::string> told_then;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::write || call.operation == io::Operation::sync_data) {
      for (const auto& policy : {io::CrashPolicy::lose_unsynced(), io::CrashPolicy::keep_everything(),
                                 io::CrashPolicy::random_subset(random->next())}) {
        images.push_back(fs.crash_image(policy));
        told_then.push_back(told);
      }
    }
    return std::nullopt;
  });
  ConsumerStore store(fs, path, seed);
  auto group = store.create("group", ConsumerKind::group, 0);
  REQUIRE(group.ok());
  std::vector<std::string> states{"", told = dump(store)};
  for (Position position = 1; position <= 25; ++position) {
    GroupChanges changes = changes_of(std::nullopt, {}, {{position + 1, 1}});
    if (position % 3 == 0)
      changes.checkpoint = position;
    else
      changes.done.push_back(position);
    if (position % 7 == 0)
      changes.parked.push_back({position, 1, "bad", false});
    REQUIRE(store.apply(*group, changes, describe).ok());
    told = dump(store);
    states.push_back(told);
  }
  fs.set_hook({});
  CHECK(images.size() > 100);
  for (std::size_t i = 0; i < images.size(); ++i) {
    ConsumerStore after(*images[i], path, seed);
    const std::string text = dump(after);
    const auto last = std::find(states.begin(), states.end(), told_then[i]);
    const bool legal = text == *last || (last + 1 != states.end() && text == *(last + 1));
    CHECK_MESSAGE(legal, "image " << i << ": " << text << " instead of " << *last);
  }
}

TEST_CASE(
    "consumer store: after any call of the disk has failed, what was refused is not there and the next call works") {
  std::size_t failures = 0;
  for (const auto fault : {io::DiskFault::eio, io::DiskFault::enospc}) {
    for (std::uint64_t call = 1;; ++call) {
      io::MemoryFileSystem fs;
      ConsumerStore store(fs, path, seed);
      fill(store);
      auto group = **store.find("group");
      const auto tally = std::make_shared<io::FaultTally>();
      fs.set_hook(io::failing_calls({.fault = fault, .first_call = call}, tally));
      const Status applied = store.apply(group, changes_of(Position{3}, {}), describe);
      fs.set_hook({});
      if (tally->failed == 0) {
        CHECK(applied.ok());
        break;
      }
      ++failures;
      INFO("call ", call, " of ", io::name_of(fault));
      // A commit that failed at its sync may be there or not; asking tells.
      const auto found = store.find("group");
      REQUIRE_MESSAGE(found.ok(), why(found));
      CHECK(((*found)->checkpoint == 3 || (!applied && (*found)->checkpoint == 1)));
      auto now = **found;
      REQUIRE(store.apply(now, changes_of(Position{6}, {}), describe).ok());
      CHECK(dump(store).find("group group at 6 parked 5x3") == 0);
    }
  }
  CHECK(failures > 5);
}
