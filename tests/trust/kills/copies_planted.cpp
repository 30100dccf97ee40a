#include "trust/kills/backup_planted.hpp"
#include "trust/kills/copies.hpp"
#include "trust/kills/oracle.hpp"
#include "trust/kills/planted.hpp"
#include "trust/kills/speech.hpp"

#include "engine/text.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/backup.hpp>
#include <weir/engine.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

namespace {

namespace stdfs = std::filesystem;

constexpr std::uint64_t seed_of_copies = 1;
constexpr const char* manifest_name = "backup.manifest";
constexpr const char* unfinished_name = "backup.unfinished";

/// The first life makes a backup at place-0 of a directory to which some calls were stored before; then its files are
/// changed:
///
///   answers            the host was told that it is made
///   stores             one more call was acknowledged before it was asked for
///   cuts FOLDER        a file in there loses its last byte; flips FOLDER: one byte is another one
///   loses FOLDER       a file in there is removed
///   unfinishes         the manifest has the name again that it has until all is there; unmakes: there is none
const std::vector<Planted>& planted_in_copies() {
  static const std::vector<Planted> all = {
      {"nothing", {"answers"}, {}, nullptr},
      {"nothing but a host that dies before the answer", {}, {"unfinishes"}, nullptr},
      {"a backup of an earlier moment", {"stores", "answers"}, {}, "were acknowledged before the backup was asked for"},
      {"a backup that is half copied", {"answers"}, {"loses segments"}, "restore: "},
      {"a log that is cut short", {"answers"}, {"cuts wal"}, "verify: "},
      {"a byte that is another one", {"answers"}, {"flips segments"}, "verify: "},
      {"an answered backup without its manifest", {"answers"}, {"unfinishes"}, "was answered, and is gone"},
      {"half a backup that nothing says is none", {}, {"unmakes"}, "nothing says that it is no data directory"},
  };
  return all;
}

/// A file below a folder of the backup, always the same one.
stdfs::path file_below(const stdfs::path& folder) {
  stdfs::path first;
  for (const auto& entry : stdfs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.file_size() != 0 && (first.empty() || entry.path() < first))
      first = entry.path();
  if (first.empty())
    throw std::runtime_error("a backup without files in " + folder.string());
  return first;
}

void flip_byte(const stdfs::path& path) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto middle = static_cast<std::streamoff>(stdfs::file_size(path) / 2);
  file.seekg(middle);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(middle);
  file.put(byte);
}

/// A directory with some calls in it, and a backup of it, made once for all stories.
class BackedUp {
public:
  BackedUp() {
    EngineOptions options;
    options.shards = 1;
    options.disk_reserve_bytes = 1 * MiB;
    auto engine = must(Engine::open(directory_.path("data"), options), "open");
    for (std::uint32_t number = 1; number <= 20; ++number)
      store(engine, {1, 0, number});
    must_be(engine.flush(), "flush");
    for (std::uint32_t number = 21; number <= 30; ++number)
      store(engine, {1, 0, number});
    (void)must(engine.backup(directory_.path("backup")), "backup");
    told_before_ = told_.size();
    for (std::uint32_t number = 31; told_.size() == told_before_; ++number)
      if (make_call(seed_of_copies, {1, 0, number}).durability == Durability::synced)
        store(engine, {1, 0, number});
    must_be(engine.close(), "close");
  }

  struct Stored {
    CallId id;
    std::vector<KillOracle::Told> told;
  };
  [[nodiscard]] std::string backup() const { return directory_.path("backup"); }
  /// What was acknowledged before the backup, and with `later` also what came afterwards.
  void tell(KillOracle& oracle, bool later) const {
    for (std::size_t i = 0; i < (later ? told_.size() : told_before_); ++i)
      oracle.acknowledged(told_[i].id, told_[i].told);
  }

private:
  template <class T> static T must(Result<T> result, const char* what) {
    if (!result)
      throw std::runtime_error(std::string(what) + " of a backup to be damaged: " + test::why(result));
    return *std::move(result);
  }
  static void must_be(const Status& status, const char* what) {
    if (!status)
      throw std::runtime_error(std::string(what) + " of a backup to be damaged: " + test::why(status));
  }

  void store(Engine& engine, const CallId& id) {
    const Call call = make_call(seed_of_copies, id);
    std::vector<ContextEvents> contexts;
    for (const Call::Part& part : call.parts)
      contexts.push_back({kill_context_name(part.context), part.events, {}});
    StoreOptions options;
    options.durability = call.durability;
    const auto receipts = must(engine.store(std::move(contexts), options), "a store");
    Stored& stored = told_.emplace_back(Stored{id, {}});
    for (std::size_t i = 0; i < receipts.size(); ++i)
      stored.told.push_back({call.parts[i].context, receipts[i]});
  }

  test::TempDirectory directory_{test::fast_parent()};
  std::vector<Stored> told_;
  std::size_t told_before_ = 0;
};

class CopyStory {
public:
  explicit CopyStory(const BackedUp& original) : original_(original) {
    oracle_.placed(std::vector<ShardId>(kill_contexts, 0));
    stdfs::create_directories(backups_.path());
    stdfs::copy(original.backup(), place(), stdfs::copy_options::recursive);
  }

  Complaints complaints_of(const Planted& mistake) {
    bool answered = false, later = false;
    tell(mistake.first_life, [&](std::string_view word, std::string_view) {
      answered = answered || word == "answers";
      later = later || word == "stores";
      return word == "answers" || word == "stores";
    });
    original_.tell(oracle_, later);
    (void)oracle_.backups().take("backs_up", backup_places[0]);
    if (answered)
      (void)oracle_.backups().take("backed_up", format("{} 5 0", backup_places[0]));
    oracle_.ended(false);
    tell(mistake.second_life,
         [&](std::string_view word, std::string_view line) { return damage(word, std::string(line)); });
    Dice dice(1);
    Copies(oracle_, dice, backups_.path(), memory_.path("restored")).look();
    return oracle_.complaints();
  }

private:
  [[nodiscard]] stdfs::path place() const { return backups_.path(std::string(backup_places[0])); }

  [[nodiscard]] bool damage(std::string_view word, const std::string& folder) const {
    if (word == "cuts") {
      const stdfs::path file = file_below(place() / folder);
      stdfs::resize_file(file, stdfs::file_size(file) - 1);
    } else if (word == "flips") {
      flip_byte(file_below(place() / folder));
    } else if (word == "loses") {
      stdfs::remove(file_below(place() / folder));
    } else if (word == "unfinishes") {
      stdfs::rename(place() / manifest_name, place() / unfinished_name);
    } else if (word == "unmakes") {
      stdfs::remove(place() / manifest_name);
    } else {
      return false;
    }
    return true;
  }

  const BackedUp& original_;
  test::TempDirectory backups_{test::fast_parent()}, memory_{test::fast_parent()};
  KillTotals totals_;
  KillOracle oracle_{seed_of_copies, totals_};
};

} // namespace

std::uint64_t find_planted_in_copies() {
  const BackedUp original;
  return find_planted(planted_in_copies(),
                      [&](const Planted& mistake) { return CopyStory(original).complaints_of(mistake); });
}

} // namespace weir::trust
