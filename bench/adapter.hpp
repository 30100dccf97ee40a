// What a store must be able to do to be measured.
//
// Purpose: the one small interface between the harness and weir, `raw`, SQLite, RocksDB and LMDB. Each adapter uses its
// store the way its own documentation says is fastest for this work; group commit is allowed to all.
// Owner: one adapter per measured process, made by the harness. Threading: append() and replay() from many threads at
// once, append_stream() too where append_streams() is kept as it is here; everything else from one. Errors: exceptions
// (std::runtime_error with what and where); a measurement that failed has no figure. Invariants: what append() or an
// acknowledgement says is true at the durability that `Settings::durable` asks for.
#pragma once

#include "bench/question.hpp"
#include "bench/workload.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bench {

struct Settings {
  std::string directory; ///< Exists; empty for a new store, left by an earlier open otherwise.
  /// Acknowledged means on the disk. Off: acknowledged means accepted, as fast as the store takes it.
  bool durable = true;
  unsigned shards = 1; ///< Independent logs; adapters that know no such thing ignore it.
  /// About how much is going to be appended. An adapter whose log is laid out before use does so in open(), before the
  /// clock starts, as a log that has been in use for an hour would find it.
  std::uint64_t expected_bytes = 0;
  /// How much may wait in memory for its lasting form; 0: the adapter's own choice.
  std::uint64_t unsealed_bytes = 0;
};

/// Gives rows one after another; false: no more (all given, or the time is up).
using RowSource = std::function<bool(Row&)>;
/// Called for each acknowledged event, in any thread, with the time from being handed over to being acknowledged.
using Acknowledge = std::function<void(std::uint64_t latency_ns)>;
/// Called for each event of a replay, in order.
using Visit = std::function<void(const Row&)>;

class Adapter {
public:
  virtual ~Adapter() = default;

  /// Opens or creates; recovery included.
  virtual void open(const Settings& settings) = 0;
  /// Stores one event and returns when it is acknowledged. Many threads at once.
  virtual void append(const Row& row) = 0;
  /// Stores all rows of `source` from the calling thread with at most `in_flight` unacknowledged ones; returns when all
  /// are acknowledged. A store that knows no asynchronous append groups rows by hand, `in_flight` to a commit.
  virtual void append_stream(const RowSource& source, std::size_t in_flight, const Acknowledge& acknowledge) = 0;
  /// As append_stream for each shard at once: rows of `by_shard[s]` all belong to shard s, and `in_flight` is for each.
  virtual void append_streams(const std::vector<RowSource>& by_shard, std::size_t in_flight,
                              const Acknowledge& acknowledge);
  /// The shard that a context belongs to, below Settings::shards.
  [[nodiscard]] virtual unsigned shard_of(std::string_view /*context_id*/) const { return 0; }
  /// Everything acknowledged gets into the store's lasting form (segments, tables; checkpoints are made).
  virtual void flush() = 0;
  /// Waits until nothing runs in the background (compaction idle).
  virtual void settle() {}
  /// All events of one context, oldest first. Many threads at once.
  virtual void replay(std::string_view context_id, const Visit& visit) = 0;
  /// Whether scan() works.
  [[nodiscard]] virtual bool scans() const { return false; }
  /// All events there are in the order they were stored. Precondition: scans().
  virtual void scan(const Visit& /*visit*/) {}
  /// Stores the rows of `source`, `per_second` of them, while a subscriber listens; for each event the time from the
  /// answer to its store to the subscriber (0 if that was sooner), one after the other. Returns how many there were.
  virtual std::size_t follow(const RowSource& /*source*/, unsigned /*per_second*/, const Acknowledge& /*heard*/) {
    return 0;
  }
  /// Counts all events there are, and their checksum.
  virtual Tally tally() = 0;
  /// The answer, in_order(). The first call may build what the store needs for the next ones.
  [[nodiscard]] virtual Answer ask(const Question& question) = 0;
  /// Closes in order.
  virtual void close() = 0;
  /// Bytes that hold the events in the directory of a closed store, without space kept for later; as a rule all there
  /// are.
  [[nodiscard]] virtual std::uint64_t bytes_at_rest(const std::string& directory) const;
  /// What the tables call a second way of answering that the store has; empty: there is none.
  [[nodiscard]] virtual std::string second_way() const { return {}; }
  /// From now on ask() answers in the second way. Precondition: there is one.
  virtual void take_second_way() {}
};

/// One way of running a peer: `name` is what the tables print ("weir", "sqlite-rowid").
struct Peer {
  std::string name;
  std::string durable_means;  ///< What durable is here: "WAL, synchronous=FULL".
  std::string buffered_means; ///< What is given up when it is not.
  std::function<std::unique_ptr<Adapter>()> make;
};

/// The peers this build knows, each in its own file. Those whose library is missing are not there.
std::vector<Peer> weir_peers();
std::vector<Peer> raw_peers();
std::vector<Peer> sqlite_peers();
#ifdef WEIR_BENCH_ROCKSDB
std::vector<Peer> rocksdb_peers();
#endif
#ifdef WEIR_BENCH_LMDB
std::vector<Peer> lmdb_peers();
#endif
/// All of them, weir first.
std::vector<Peer> all_peers();

} // namespace weir::bench
