// Random events and random queries over them.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>

#include "tests/engine/query/fake_shard.hpp"

#include <map>
#include <random>
#include <string>
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
KnownEvent random_event(Random& random);
void name_core_fields(KnownEvent& known);

/// Shards with the same events as `events`, cut into segments and memtables.
struct RandomData {
  std::vector<KnownEvent> events; ///< In position order.
  std::vector<ShardView> shards;
};
RandomData random_data(Random& random, std::size_t events);

/// A valid query over such data.
Query random_query(Random& random);
Expr random_expression(Random& random, int depth);

} // namespace weir::test
