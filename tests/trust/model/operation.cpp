#include "trust/model/operation.hpp"

#include <array>

namespace weir::trust {

namespace {

using test::pick;
using test::Random;

struct Weight {
  Kind kind;
  std::string_view name;
  std::size_t share; ///< Of 1,000.
};

constexpr std::array<Weight, kind_count> weights = {{
    {Kind::store, "store", 243},
    {Kind::store_batch, "store_batch", 50},
    {Kind::burst, "burst", 70},
    {Kind::try_store, "try_store", 50},
    {Kind::wait, "wait", 40},
    {Kind::replay, "replay", 215},
    {Kind::push, "push", 20},
    {Kind::query, "query", 20},
    {Kind::flush, "flush", 9},
    {Kind::clock, "clock", 70},
    {Kind::bad_input, "bad_input", 60},
    {Kind::stats, "stats", 13},
    {Kind::reopen, "reopen", 1},
    {Kind::power_cut, "power_cut", 2},
    {Kind::kill, "kill", 1},
    {Kind::retry, "retry", 30},
    {Kind::check, "check", 10},
    {Kind::together, "together", 15},
    {Kind::define, "define", 5},
    {Kind::restore, "restore", 4},
    {Kind::consume, "consume", 4},
    {Kind::group, "group", 5},
    {Kind::snapshot, "snapshot", 8},
    {Kind::remove, "remove", 6},
    {Kind::retain, "retain", 4},
    {Kind::condition, "condition", 20},
    {Kind::upcast, "upcast", 8},
    {Kind::view, "view", 8},
    {Kind::look_after, "look_after", 4},
    {Kind::back_up, "back_up", 3},
    {Kind::compact, "compact", 2},
}};

constexpr std::size_t shares_total = [] {
  std::size_t sum = 0;
  for (const Weight& weight : weights)
    sum += weight.share;
  return sum;
}();
static_assert(shares_total == 1'000);

template <class T, std::size_t n> T one_of(Random& random, const T (&values)[n]) {
  return values[pick(random, n)];
}

} // namespace

std::string_view to_string(Kind kind) noexcept {
  return weights[static_cast<std::size_t>(kind)].name;
}

Scenario random_scenario(std::uint64_t seed, std::size_t operations, const std::vector<Kind>& kinds) {
  Random random(seed);
  Scenario scenario{random(), {}};
  scenario.operations.reserve(operations);
  while (scenario.operations.size() < operations) {
    std::size_t at = pick(random, shares_total);
    auto weight = weights.begin();
    for (; at >= weight->share; ++weight)
      at -= weight->share;
    const Kind kind = kinds.empty() ? weight->kind : kinds[pick(random, kinds.size())];
    scenario.operations.push_back({kind, random()});
  }
  return scenario;
}

EngineOptions random_options(Random& random) {
  EngineOptions options;
  options.durability = one_of(random, {Durability::buffered, Durability::written, Durability::synced});
  options.sync_interval_ms = std::chrono::milliseconds(one_of(random, {1, 20, 100}));
  options.unsealed_bytes_max = one_of(random, {64 * KiB, 512 * KiB, 4 * MiB, 64 * MiB});
  options.wal_file_bytes = one_of(random, {64 * KiB, 128 * KiB, 256 * KiB});
  options.segment_bytes_max = one_of(random, {std::uint64_t{0}, 64 * KiB, 1 * MiB, 512 * MiB});
  options.block_cache_bytes = one_of(random, {std::uint64_t{0}, 64 * KiB, 64 * MiB});
  options.context_cache_entries = one_of(random, {std::size_t{1}, std::size_t{4}, std::size_t{65'536}});
  options.inbox_commands_max = one_of(random, {std::size_t{1}, std::size_t{3}, std::size_t{4'096}});
  options.inbox_bytes_max = one_of(random, {std::uint64_t{1}, 4 * KiB, 8 * MiB});
  options.inbox_parked_max = one_of(random, {std::size_t{0}, std::size_t{2}, std::size_t{1'024}});
  options.payload_bytes_max = one_of(random, {64 * KiB, 1 * MiB});
  options.read_threads = 1 + pick(random, 2);
  options.zone_rows = one_of(random, {16U, 64U, 4'096U});
  options.filter_bits_per_key = one_of(random, {4U, 10U});
  return options;
}

} // namespace weir::trust
