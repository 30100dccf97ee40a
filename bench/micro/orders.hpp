// What the micro-benchmarks work on: a small workload "orders", made once, in the forms it has on its way.
//
// Threading: made on first use by one thread, constant afterwards.
#pragma once

#include <weir/event.hpp>

#include "bench/workload.hpp"
#include "engine/memtable.hpp"
#include "wal/group.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bench {

inline constexpr std::size_t micro_events = 65'536;
inline constexpr std::size_t micro_contexts = 2'000;
inline constexpr std::size_t micro_group_calls = 256;
inline constexpr std::uint64_t micro_seed = 7;

/// `micro_events` events in `micro_contexts` contexts.
const Workload& orders();

Event event_of(const Row& row);

/// Every event of orders() as an encoded call of its own, numbered as the shard would.
const std::vector<std::string>& numbered_calls();

/// numbered_calls() in groups of `micro_group_calls`.
const std::vector<std::shared_ptr<wal::Group>>& groups();

/// A memtable that holds all of them.
std::shared_ptr<Memtable> filled_memtable();

/// A context id for each event of orders(), in its order: as often asked for as stored.
const std::vector<std::string_view>& asked_contexts();

/// Context ids that no event has.
std::vector<std::string> absent_contexts();

} // namespace weir::bench
