#include "trust/sabotage/sqlite_control.hpp"

#include "engine/hash.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/sqlite/database.hpp"
#include "trust/support/disk/images.hpp"
#include "trust/support/disk/judge.hpp"
#include "trust/support/disk/ledger.hpp"

#include <sqlite3.h>

#include <array>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>

namespace weir::trust {

namespace {

using sqlite::Database;

constexpr const char* path = "events.db";
constexpr unsigned transactions = 8;

// In exclusive locking mode a rollback journal is not unlinked but overwritten, and that is synced. Otherwise it is
// unlinked, and only EXTRA syncs the directory behind it: with FULL a power cut may bring the journal back, and with it
// the state before the commit. WAL mode syncs each commit with FULL, with NORMAL only what checkpoints need.
constexpr std::array modes = {
    SqliteMode{"journal_mode=WAL, synchronous=FULL", "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", true, true},
    SqliteMode{"journal_mode=DELETE, synchronous=FULL, exclusive",
               "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL", true, true},
    SqliteMode{"journal_mode=DELETE, synchronous=EXTRA", "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA", false,
               true},
    SqliteMode{"journal_mode=DELETE, synchronous=FULL, shared", "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL",
               false, false},
    SqliteMode{"journal_mode=WAL, synchronous=NORMAL", "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", true,
               false},
    SqliteMode{"journal_mode=WAL, synchronous=OFF", "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF", true, false},
    SqliteMode{"journal_mode=DELETE, synchronous=OFF", "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF", false,
               false},
};

void must(const Status& status) {
  if (!status)
    throw Broken("I8: " + to_string(status.error()));
}

template <class T> T must(Result<T> result) {
  if (!result)
    throw Broken("I8: " + to_string(result.error()));
  return std::move(result).value();
}

Database open(io::MemoryFileSystem& fs, const SqliteMode& mode) {
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, nullptr); // equal histories shall give equal images
  Database database = must(Database::open(fs, path, {.create = true, .exclusive = mode.exclusive}));
  must(database.execute(mode.settings));
  return database;
}

/// One call of a client: it has its answer when the commit is done.
void store(Database& database, Ledger& ledger, const std::string& context, unsigned events) {
  const StorePtr command = ledger.call(context, 0, Durability::synced, events, 200);
  Receipt receipt;
  receipt.events = events;
  auto transaction = must(sqlite::Transaction::begin(database));
  for (const std::string& payload : ledger.calls().back().payloads) {
    auto insert = must(database.prepare(
        "INSERT INTO events(context, sequence, payload) SELECT ?1, count(*) + 1, ?2 FROM events WHERE context = ?1 "
        "RETURNING sequence, position"));
    insert.bind(1, context).bind(2, payload);
    must(insert.step());
    if (receipt.sequence == 0) {
      receipt.sequence = insert.u64(0);
      receipt.position = insert.u64(1);
    }
    must(insert.step());
  }
  must(transaction.commit());
  command->done(receipt);
}

/// Opens and judges one image; returns the calls it shows.
CallSet judge_sqlite(io::MemoryFileSystem& image, const SqliteMode& mode, const Ledger& ledger) {
  Database database = open(image, mode);
  must(database.quick_check());
  std::map<std::string, ContextRows> contexts;
  auto rows = must(database.prepare("SELECT context, sequence, position, payload FROM events ORDER BY position"));
  while (must(rows.step()))
    contexts[std::string(rows.text(0))].rows.push_back({rows.u64(1), rows.u64(2), std::string(rows.text(3))});
  return compare(contexts, ledger).calls;
}

class SqliteRun {
public:
  SqliteRun(const SqliteMode& mode, std::uint64_t seed, unsigned random_subsets)
      : mode_(mode), seed_(seed), random_subsets_(random_subsets) {}

  SqliteCounts run() {
    {
      Database database = open(fs_, modes.front());
      must(database.execute("CREATE TABLE events(position INTEGER PRIMARY KEY, context TEXT NOT NULL, "
                            "sequence INTEGER NOT NULL, payload TEXT NOT NULL, UNIQUE(context, sequence))"));
      must(database.execute("PRAGMA journal_mode=DELETE"));
    }
    must(fs_.sync_directory(""));
    fs_.set_hook([this](const io::Call& call) -> std::optional<Error> {
      last_call_ = call.number;
      if (changes_disk(call.operation))
        at_boundary(call.number);
      return std::nullopt;
    });
    {
      Database database = open(fs_, mode_);
      for (unsigned i = 0; i < transactions; ++i)
        store(database, ledger_, i % 3 == 0 ? "a" : "b", 1 + i % 3);
    }
    fs_.set_hook({});
    at_boundary(last_call_ + 1);
    return counts_;
  }

private:
  void at_boundary(std::uint64_t call) {
    ImageKinds kinds;
    kinds.seed = hash64(mode_.name, seed_ + call);
    kinds.random_subsets = random_subsets_;
    for_each_image(fs_, kinds, [this](const CrashImage& crash) { try_image(crash); });
  }

  void try_image(const CrashImage& crash) {
    const auto image = crash.of(fs_);
    const auto [known, fresh] = shown_.try_emplace(image->content_hash());
    try {
      if (fresh) {
        ++counts_.images;
        known->second = judge_sqlite(*image, mode_, ledger_);
      }
      // The same bytes, but more may have been promised since.
      if (known->second)
        check_promises(*known->second, ledger_, false);
    } catch (const Broken& why) {
      ++(std::string_view(why.what()).starts_with("I1") ? counts_.lost : counts_.wrong);
      if (mode_.keeps)
        std::fprintf(stderr, "SQLite, %s: %s: %s\n", mode_.name, crash.name.c_str(), why.what());
      known->second.reset(); // once is enough
    }
  }

  const SqliteMode& mode_;
  const std::uint64_t seed_;
  const unsigned random_subsets_;
  io::MemoryFileSystem fs_;
  Ledger ledger_{"sqlite"};
  std::uint64_t last_call_ = 0;
  SqliteCounts counts_;
  /// What an image of this content showed; nothing once something was found in it.
  std::unordered_map<std::uint64_t, std::optional<CallSet>> shown_;
};

} // namespace

std::span<const SqliteMode> sqlite_modes() {
  return modes;
}

SqliteCounts crash_sqlite(const SqliteMode& mode, std::uint64_t seed, unsigned random_subsets) {
  return SqliteRun(mode, seed, random_subsets).run();
}

} // namespace weir::trust
