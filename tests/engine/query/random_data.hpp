// Random events and random queries over them.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>

#include "tests/engine/query/fake_shard.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

using Random = std::mt19937_64;

/// A number from 0 to `end` - 1.
inline std::size_t pick(Random& random, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
}

/// An event and every field of it by name, as the reference sees them; what is missing is null.
struct KnownEvent {
  StoredEvent event;
  std::map<std::string, Value> fields;
};

/// An event without context, place and recorded_at; once it has them, name_core_fields() adds them to its fields.
/// What the field payload.n is in all events of some data, and whether all of them have it.
enum class DataStyle : std::uint8_t { integers, reals, mixed, dense };
KnownEvent random_event(Random& random, DataStyle style = DataStyle::mixed);
void name_core_fields(KnownEvent& known);

/// Shards with the same events as `events`, cut into segments and memtables.
struct RandomData {
  std::vector<KnownEvent> events; ///< In position order.
  std::vector<ShardView> shards;
};
/// `larger`: segments of up to 1,200 events instead of 60, and zones to match.
RandomData random_data(Random& random, std::size_t events, bool larger = false);

/// A value as events have them in any of their fields.
Value random_sample(Random& random);
/// A time as events have them.
Timestamp random_time(Random& random);
/// The time that a text in such data means, if it is one.
std::optional<Timestamp> time_of_text(std::string_view text);

/// A valid query over such data; no sequence.
Query random_query(Random& random);

} // namespace weir::test
