// Exports what is whole of a damaged directory, and says what is not.
//
// Purpose: the way out when a directory cannot be opened, or not whole. Every file is read for itself, past what is
// damaged; events of a context that several files hold are taken once. Owner: one call. Threading: one thread.
// Invariants: nothing in the directory is changed; an event is handed out only if every byte of it was checked; the
// events of a context come in order, and every hole between them is reported; what was truncated or deleted, as far as
// can be seen, is not handed out and is no hole.
#pragma once

#include <weir/event.hpp>
#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/io/file_system.hpp"
#include "engine/ports.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// An event, and the version of its type's schema that it was stored under.
struct SalvagedEvent : Event {
  std::uint32_t schema_version = 0;
};

/// Who takes what is found.
struct SalvageSink {
  /// Called once, before anything else: how many shards the directory has, as far as can be seen.
  std::function<Status(std::uint32_t shards)> begin;
  /// The next whole events of a context, their `context_id` empty. An error ends the salvage.
  std::function<Status(std::string_view context_id, std::vector<SalvagedEvent> events)> store;
  /// Each version of each schema, in order, once all events were stored: some are older than any schema. May be empty.
  std::function<Status(const SchemaRecord& schema)> schema;
  /// The rules of retention, after the events. May be empty.
  std::function<Status(const std::vector<RetentionRule>& rules)> retention{};
  /// A remembered query, after the events. May be empty.
  std::function<Status(const std::string& name, const Query& query)> view{};
  /// A place in a file that is not as it was written.
  std::function<void(const Error&)> damaged;
  /// Events that are known to have been there and are not whole anywhere.
  std::function<void(std::string_view context_id, Sequence first, Sequence last)> missing;
  /// A context that was deleted for good; none of its events are stored. May be empty.
  std::function<Status(std::string_view context_id)> closed{};
};

struct SalvageSum {
  std::uint64_t contexts = 0;
  std::uint64_t events = 0;
  std::uint64_t events_missing = 0;
  std::uint64_t damaged_places = 0;
  /// Something is damaged of which nobody knows what it held: a log's group, a segment without footer, an index block,
  /// the end of a context.
  bool more_may_be_missing = false;

  [[nodiscard]] bool complete() const noexcept { return events_missing == 0 && !more_may_be_missing; }
};

/// Salvages the directory in `fs`, which nobody else has open. Errors: the sink's; `corruption` if there is nothing of
/// a weir directory; `io_error` where a directory cannot be listed.
Result<SalvageSum> salvage_files(io::FileSystem& fs, const SalvageSink& sink);

} // namespace weir
