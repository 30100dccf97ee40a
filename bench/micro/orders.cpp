#include "bench/micro/orders.hpp"

#include "engine/event_codec.hpp"

#include <chrono>
#include <span>
#include <unordered_map>

namespace weir::bench {

const Workload& orders() {
  static const Workload workload({.seed = micro_seed, .events = micro_events, .contexts = micro_contexts});
  return workload;
}

Event event_of(const Row& row) {
  return {.context_id = std::string(row.context_id),
          .event_type = std::string(row.event_type),
          .payload = std::string(row.payload),
          .timestamp = Timestamp{std::chrono::microseconds{row.timestamp_us}}};
}

const std::vector<std::string>& numbered_calls() {
  static const auto calls = [] {
    std::vector<std::string> made(orders().size());
    std::unordered_map<std::string_view, Sequence> last_sequences;
    std::string encoded;
    for (std::size_t i = 0; i < made.size(); ++i) {
      const Row row = orders().row(i);
      const Event event = event_of(row);
      encoded.clear();
      encode_call(row.context_id, std::span(&event, 1), encoded);
      const CallNumbers numbers{++last_sequences[row.context_id], i + 1, *event.timestamp};
      made[i].resize(numbered_call_bytes(encoded.size(), numbers));
      number_call(encoded, numbers, made[i].data());
    }
    return made;
  }();
  return calls;
}

const std::vector<std::shared_ptr<wal::Group>>& groups() {
  static const auto all = [] {
    std::vector<std::shared_ptr<wal::Group>> made;
    for (std::size_t i = 0; i < numbered_calls().size(); ++i) {
      if (i % micro_group_calls == 0)
        made.push_back(std::make_shared<wal::Group>(micro_group_calls * 512));
      made.back()->add(numbered_calls()[i]);
    }
    return made;
  }();
  return all;
}

std::shared_ptr<Memtable> filled_memtable() {
  auto memtable = std::make_shared<Memtable>(micro_seed);
  std::uint64_t record = 1;
  for (const auto& group : groups()) {
    memtable->apply(group, group->bodies(), record, group->bytes());
    record += group->records();
  }
  memtable->publish();
  return memtable;
}

const std::vector<std::string_view>& asked_contexts() {
  static const auto asked = [] {
    std::vector<std::string_view> ids(orders().size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      ids[i] = orders().row(i).context_id;
    return ids;
  }();
  return asked;
}

std::vector<std::string> absent_contexts() {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 1'024; ++i)
    ids.push_back("order-absent-" + std::to_string(i));
  return ids;
}

} // namespace weir::bench
