// What must be in a directory that has been killed many times, judged from what its writers were told.
//
// Purpose: takes in the acknowledgements that reached the driver and what each life of the engine shows after opening,
// and finds every contradiction. It lives outside of the directory and forgets nothing: what one life has shown, all
// later ones must show at the same place.
// Owner: the driver, one for a directory. Threading: one thread.
#pragma once

#include "trust/kills/backup_oracle.hpp"
#include "trust/kills/handler_oracle.hpp"
#include "trust/kills/log_dump.hpp"
#include "trust/kills/queue_oracle.hpp"
#include "trust/kills/removal_oracle.hpp"
#include "trust/kills/schema_oracle.hpp"
#include "trust/kills/snapshot_oracle.hpp"
#include "trust/kills/view_oracle.hpp"
#include "trust/kills/workload.hpp"

#include <weir/event.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::trust {

/// Events, over all directories of a run.
struct KillTotals {
  std::uint64_t acknowledged = 0;
  std::uint64_t dumped = 0;                 ///< Seen in the logs by the independent dumper, each time it looked.
  std::uint64_t unacknowledged_present = 0; ///< Stored, but the host died before it could say so.
  std::uint64_t lost = 0;                   ///< Acknowledged or shown before, and not there.
  std::uint64_t duplicates = 0;
  std::uint64_t refused = 0; ///< Calls whose expectation or condition did not hold.
  QueueTotals queue;
  ViewTotals views;
  BackupTotals backups;
  RemovalTotals removals;
  HandlerTotals handler;
  SnapshotTotals snapshots;
  SchemaTotals schemas;
};

class KillOracle {
public:
  /// One context's receipt.
  struct Told {
    std::uint32_t context = 0;
    Receipt receipt;
  };

  KillOracle(std::uint64_t seed, KillTotals& totals);

  /// In which shard each context is; said by every host before it shows or stores anything.
  void placed(std::vector<ShardId> shards);
  /// The host had the receipts of `id`, one for each of its contexts.
  void acknowledged(const CallId& id, const std::vector<Told>& told);
  /// The host was told that `id` is not stored, because of what it expects.
  void refused(const CallId& id);

  /// For each context the first sequence to show: all of it, or what no life has shown so far.
  [[nodiscard]] std::vector<Sequence> whole() const;
  [[nodiscard]] std::vector<Sequence> unseen() const;
  /// A host that has just opened the directory, and does not store yet, shows each context from `from` on ...
  void begin_showing(const std::vector<Sequence>& from);
  void shown(std::string_view context, Sequence sequence, Position position, std::string_view fields);
  /// ... to its end, and a query has counted `count` events in all.
  void end_showing(std::uint64_t count);

  /// The host is dead, and nobody has opened the directory since: its logs must hold all that is not in segments. What
  /// the next showing adds must be what `dump` holds, if nothing is stored before.
  void dumped(const LogDump& dump);
  /// From here on the directory may hold more than the last dump.
  void storing() {
    dump_is_whole_ = false;
    queue_.storing();
  }
  /// The host has closed the engine, or died before that. `buffered` promises nothing once the process is dead, unless
  /// a stronger receipt of the shard came later, for that covers everything before it.
  void ended(bool closed);

  /// What those saw who read the event queue.
  [[nodiscard]] QueueOracle& queue() { return queue_; }
  /// What is remembered.
  [[nodiscard]] ViewOracle& views() { return views_; }
  /// Where copies are, and what they must hold.
  [[nodiscard]] BackupOracle& backups() { return backups_; }
  /// What is left of the contexts whose events are removed.
  [[nodiscard]] RemovalOracle& removals() { return removals_; }

  /// What was handled exactly once.
  [[nodiscard]] HandlerOracle& handler() { return handler_; }
  /// What stores are judged by.
  [[nodiscard]] SchemaOracle& schemas() { return schemas_; }
  /// What loads may give.
  [[nodiscard]] SnapshotOracle& snapshots() { return snapshots_; }

  struct Seen {
    EventOrigin origin;
    Position position = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  /// A copy of the directory holds this event there: so must the directory, now or when it is shown next.
  void copied(const std::string& copy, std::uint32_t context, Sequence sequence, const Seen& event);
  /// Context and origin of an event, if it is one that was stored, with the bytes it was stored with.
  std::optional<std::pair<std::uint32_t, EventOrigin>> identify(std::string_view context, std::string_view fields);
  /// Valid until the next call.
  const Call& call(const CallId& id);
  void lose(std::uint64_t events) { totals_.lost += events; }

  void complain(std::string what);
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

private:
  struct Dumped {
    std::uint32_t context = 0;
    Sequence sequence = 0;
    EventOrigin origin;
    friend bool operator==(const Dumped&, const Dumped&) = default;
  };

  /// As the last showing found it; 0: there is no such event.
  [[nodiscard]] Position position_of(std::uint32_t context, Sequence sequence) const;
  void own_position(Position position, const EventOrigin& origin);
  void check_new(std::uint32_t context, Sequence sequence, const Seen& event);
  void begin_part(std::uint32_t context, const CallId& id, std::size_t part);
  void check_end(const std::vector<Seen>& seen);
  void check_in_dump(const std::map<Position, Dumped>& found);
  /// How much of each context was acknowledged as synced, or stands before what was.
  [[nodiscard]] BackupOracle::Least synced() const;

  const std::uint64_t seed_;
  KillTotals& totals_;
  std::vector<std::vector<Seen>> contexts_; ///< What was shown, by context and sequence.
  std::vector<Sequence> next_;              ///< Of the running showing, by context.
  std::map<std::string, std::uint32_t, std::less<>> context_numbers_;
  std::map<CallId, std::vector<Told>> acknowledged_;
  std::set<CallId> refused_;
  std::vector<CallId> unconfirmed_; ///< Acknowledged and not shown yet.
  std::map<CallId, std::vector<bool>> shown_parts_;
  std::set<CallId> half_shown_; ///< In this showing.
  std::map<std::string, CallId> claims_;
  std::map<std::pair<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>>, std::uint32_t>
      last_number_; ///< By context, life and writer.
  std::unordered_map<Position, EventOrigin> position_owners_;
  std::vector<ShardId> placed_;          ///< By context; empty before the first host said so.
  std::vector<Position> durable_up_to_;  ///< By shard: a receipt of this life covers what is before.
  std::vector<Position> synced_up_to_;   ///< The same of what is synced.
  std::map<Position, Dumped> dumped_;    ///< What the dumper saw, or a copy held, and no showing has confirmed.
  std::vector<Position> segments_up_to_; ///< By shard, at the last dump.
  bool dump_is_whole_ = false;           ///< Nothing was stored since.
  CallId cached_id_;
  Call cached_call_;
  QueueOracle queue_;
  ViewOracle views_;
  RemovalOracle removals_;
  HandlerOracle handler_;
  SnapshotOracle snapshots_;
  SchemaOracle schemas_;
  BackupOracle backups_;
  std::vector<std::string> complaints_;
};

} // namespace weir::trust
