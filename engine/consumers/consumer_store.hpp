// What consumers have dealt with, in `consumers.db`: docs/formats/consumers.md.
//
// Purpose: the durable side of single consumers and groups. Every call that changes something is one transaction,
// durable when it returns. Owner: ConsumerDesk. Threading: one thread at a time (the consumers' lane). Invariants: each
// record carries a checksum, and each consumer the sum over its rows, so that a missing row or one of another time is
// `corruption`, never a lost or repeated event; the file is made by the first consumer, never by a question.
#pragma once

#include "engine/consumers/consumer_file.hpp"
#include "engine/consumers/consumer_group.hpp"
#include "engine/io/file_system.hpp"

#include <weir/consumer_types.hpp>
#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct ConsumerRecord {
  std::int64_t id = 0; ///< What its rows name it by.
  std::string name;
  ConsumerKind kind = ConsumerKind::single;
  Position checkpoint = 0;    ///< Everything before it is done or parked.
  std::uint64_t rows = 0;     ///< Of the other tables.
  std::uint64_t rows_sum = 0; ///< Their checksums, added modulo 2^64.
};

/// What a group goes on with.
struct GroupRecord {
  Position checkpoint = 0;
  std::vector<Position> done;                  ///< At or above the checkpoint.
  std::map<Position, std::uint32_t> delivered; ///< Handed out and not settled, and how often.
  std::vector<ParkedEvent> parked;             ///< By position.
};

class ConsumerStore {
public:
  /// Opens nothing yet. `fs` outlives the object; `directory_seed` is that of the directory.
  ConsumerStore(io::FileSystem& fs, std::string path, std::uint64_t directory_seed);

  // Errors of all: `corruption` (naming the record), `incompatible`, `io_error`, `disk_full`, `locked`.

  /// By name.
  Result<std::vector<ConsumerRecord>> list();
  Result<std::optional<ConsumerRecord>> find(std::string_view name);
  /// Precondition: there is none of that name.
  Result<ConsumerRecord> create(std::string_view name, ConsumerKind kind, Position checkpoint);
  /// Moves a single consumer.
  Status move(ConsumerRecord& consumer, Position checkpoint);
  Result<GroupRecord> load_group(const ConsumerRecord& consumer);
  /// What is parked, in `changes.parked` by position, needs more than its position: `describe` gives the rest.
  using Describe = std::function<void(Position, ParkedEvent&)>;
  Status apply(ConsumerRecord& consumer, const GroupChanges& changes, const Describe& describe);
  /// Begins anew at `checkpoint`: nothing is done or was handed out; parked events from there on come again by
  /// themselves, earlier ones stay parked.
  Status reset(ConsumerRecord& consumer, Position checkpoint);
  /// Removes the consumer and all that is parked for it.
  Status remove(const ConsumerRecord& consumer);
  /// Parked events at `from` or later, by position.
  Result<std::vector<ParkedEvent>> parked(const ConsumerRecord& consumer, Position from, std::size_t events_max);
  /// Parked events are to be handed out again: those of the context, or (empty) all. Returns those that were not yet,
  /// by position.
  Result<std::vector<ParkedEvent>> want_parked(ConsumerRecord& consumer, std::string_view context_id);
  struct Counts {
    std::uint64_t done = 0; ///< At or above the checkpoint.
    std::uint64_t parked = 0;
  };
  Result<Counts> count(const ConsumerRecord& consumer);
  /// Copies all of it into the new file `path` of `to`; false if there is no consumer.
  Result<bool> copy_to(io::FileSystem& to, const std::string& path) { return file_.copy_to(to, path); }
  /// Lets go of the file; the next call opens it again.
  void close() { file_.close(); }

private:
  Status write_record(const ConsumerRecord& consumer);
  Status put_delivery(ConsumerRecord& consumer, Position position, std::uint32_t deliveries, bool done);
  Status put_parked(ConsumerRecord& consumer, const ParkedEvent& event);
  Status erase_parked(ConsumerRecord& consumer, Position position);
  /// Of `row`, once its checksum is found right.
  Status add_parked(const ConsumerRecord& consumer, const sqlite::Statement& row, std::vector<ParkedEvent>& to);
  Status erase_deliveries(ConsumerRecord& consumer, Position below);

  ConsumerFile file_;
  const std::uint64_t directory_seed_;
};

} // namespace weir
