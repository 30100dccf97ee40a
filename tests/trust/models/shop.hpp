// The service that the stage "models" kills: three models, and what its writers do to them.
//
// Purpose: "items" and "notes" are event-sourced, "tallies" is derived: one of its rows is counted up for every event,
// so that an event which is applied twice, or not at all, shows. Beside them the notes are kept once more, in a
// projection that has no function of a service's, so that its steps share commits. Host and judge define the service
// alike; what the models must hold the judge finds out by itself (log_fold.hpp). Threading: pure functions and plain
// values.
#pragma once

#include "trust/kills/workload.hpp"

#include <weir/event_sourcing_db.hpp>
#include <weir/json_value.hpp>
#include <weir/options.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::trust {

/// Small logs and memtables, so that files change all the time.
[[nodiscard]] EngineOptions shop_engine_options();
[[nodiscard]] EventSourcingOptions shop_options();
/// The notes alone.
[[nodiscard]] EventSourcingOptions copy_options();
/// The projections' databases in an engine's directory.
[[nodiscard]] std::string shop_file(const std::string& directory);
[[nodiscard]] std::string copy_file(const std::string& directory);

/// Who wrote: an event's "meta" says it. Lives are numbered from 1 over a run.
struct WriteId {
  std::uint32_t life = 0, writer = 0, number = 0;
  friend auto operator<=>(const WriteId&, const WriteId&) = default;
};
[[nodiscard]] Json to_json(const WriteId& id);
[[nodiscard]] WriteId write_id_of(const Json& meta);

/// One write to an event-sourced model.
struct Write {
  std::string model;
  enum class Kind : std::uint8_t { set, insert, update, save, remove } kind = Kind::set;
  Json object; ///< Of a removal the id alone. Without an id: the model gives one.
  /// Nobody else writes this object as long as its writer lives.
  bool own = false;
};
/// What `writer` does next; `items` is the highest id of an item it has heard of. `needs_ids`: new objects bring
/// theirs.
[[nodiscard]] Write draw_write(Dice& dice, std::uint32_t writer, std::int64_t items, bool needs_ids = false);

/// What became of a write: "done", "EEXIST" or "ENOENT"; empty for an error that is none of the write's own.
[[nodiscard]] std::string outcome_of(const Status& written);
/// The same of a blocking write. What it gives back is in `object` (null for a removal).
[[nodiscard]] Status perform(ESModel& model, const Write& write, const WriteId& id, Json& object);

} // namespace weir::trust
