#include "engine/consumers/consumer_rows.hpp"

#include "engine/hash.hpp"

#include <initializer_list>
#include <string>

namespace weir::consumer_rows {

namespace {

enum Kind : std::uint64_t { kind_consumer = 1, kind_delivery = 2, kind_parked = 3 };

/// Words, then texts, each behind its length.
std::uint64_t hash_fields(std::initializer_list<std::uint64_t> words, std::initializer_list<std::string_view> texts,
                          std::uint64_t seed) {
  std::string all;
  const auto add = [&all](std::uint64_t word) { all.append(reinterpret_cast<const char*>(&word), sizeof word); };
  for (const std::uint64_t word : words)
    add(word);
  for (const std::string_view text : texts) {
    add(text.size());
    all += text;
  }
  return hash64(all, seed);
}

} // namespace

std::uint64_t checksum(const ConsumerRecord& record, std::uint64_t seed) {
  return hash_fields({kind_consumer, static_cast<std::uint64_t>(record.id), static_cast<std::uint64_t>(record.kind),
                      record.checkpoint, record.rows, record.rows_sum},
                     {record.name}, seed);
}

std::uint64_t delivery_checksum(std::int64_t consumer, Position position, std::uint64_t deliveries, std::uint64_t done,
                                std::uint64_t seed) {
  const std::uint64_t words[] = {kind_delivery, static_cast<std::uint64_t>(consumer), position, deliveries, done};
  return hash64(words, sizeof words, seed);
}

std::uint64_t checksum(std::int64_t consumer, const ParkedEvent& event, std::uint64_t seed) {
  return hash_fields({kind_parked, static_cast<std::uint64_t>(consumer), event.position, event.sequence,
                      event.deliveries, static_cast<std::uint64_t>(event.parked_at.time_since_epoch().count()),
                      event.replay_wanted ? 1u : 0u},
                     {event.context_id, event.event_type, event.reason}, seed);
}

} // namespace weir::consumer_rows
