// Opens what a crash left and says whether every promise was kept.
//
// Purpose: the invariants, checked on one disk image: what was acknowledged is there (I1), nothing twice (I2), every
// context dense and in order (I3), nothing that was never sent, and no part of a call (I4), positions grow and are not
// given again (I5), a query finds what replays find (I6), opening again changes nothing (I7), nothing but right answers
// (I8), stores go on (I9), no file and no descriptor is left over (I10), event ids are known for ever (I11), the event
// queue holds everything in order, and nothing new behind what a subscriber has seen (I12), what was removed stays
// removed (I13), what is remembered shows what its query gives (I14), what calls demand is heeded (I15), schemas (I16)
// and retention (I17) hold, and so do consumers (I18), snapshots (I19) and backups (I20). Owner: a test. Threading: one
// thread.
#pragma once

#include "engine/io/memory_file_system.hpp"
#include "trust/support/disk/ledger.hpp"
#include "trust/support/disk/plain_engine.hpp"

#include <weir/options.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace weir::trust {

/// A promise was broken; what() says which, and how.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Throws Broken unless `holds`.
inline void need(bool holds, const std::string& what) {
  if (!holds)
    throw Broken(what);
}

/// One event as a reader sees it.
struct Row {
  Sequence sequence = 0;
  Position position = 0;
  std::string payload;
  friend bool operator==(const Row&, const Row&) = default;
};
using Rows = std::vector<Row>;

struct ContextRows {
  ShardId shard = 0;
  Rows rows;
  ContextMark mark;
};

/// How everything in an engine is read; `mark` may be empty: nothing is removed. May throw Broken.
struct Reader {
  std::function<ShardId(const std::string& context)> shard_of;
  std::function<Rows(const std::string& context)> replay;
  std::function<Result<QueryResult>(const Query&)> query;
  std::function<ContextMark(const std::string& context)> mark{};
};

/// What an opened engine shows its readers.
struct Shown {
  CallSet calls;                         ///< Of the ledger's.
  std::uint64_t hash = 0;                ///< Over all of it.
  std::map<std::string, Sequence> last;  ///< By context.
  std::map<ShardId, Position> positions; ///< Highest, by shard.
};

/// Compares what some engine, weir or another, shows of each context with `ledger`. Throws Broken.
Shown compare(const std::map<std::string, ContextRows>& contexts, const Ledger& ledger);

/// Reads everything, by replay and by query, and compares with `ledger`. Throws Broken.
Shown read_all(const PlainEngine& engine, const Ledger& ledger);
Shown read_all(const Reader& reader, const Ledger& ledger);
/// Compares the beginning of a context with the calls sent to it, in their order; adds what was found to `found`.
/// Throws Broken.
void check_context(const std::string& context_id, const Rows& rows, const Ledger& ledger, CallSet& found);

/// Throws Broken unless `shown` has what it must.
void check_promises(const CallSet& shown, const Ledger& ledger, bool process_only);

struct Judgement {
  bool process_only = false; ///< The image is that of a killed process, not of a power cut.
  /// Called with the image before it is opened and with each state it goes through; may be empty.
  std::function<void(io::MemoryFileSystem& image)> watch;
  bool disk_failed = false; ///< Before the crash: what no sync was asked for may be lost with the process, too.
};

/// Judges `image`, on which it opens, stores and closes. Returns what the first opening showed. Throws Broken.
CallSet judge(io::MemoryFileSystem& image, const EngineOptions& options, const Ledger& ledger,
              const Judgement& judgement);

} // namespace weir::trust
