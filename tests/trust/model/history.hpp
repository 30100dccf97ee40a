// Histories of many clients at once, checked for order per context.
//
// Purpose: stores return their place, so that a history can be judged in one pass: contexts are independent, and inside
// one a call acknowledged before another was made has the lower sequence; a read is what the context was at some moment
// of it. Calls with ids are made again, by whoever, and calls that expect a sequence win or are told of a later one.
// Threading: judge() one thread.
#pragma once

#include "trust/model/apart.hpp"

#include <weir/event.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

/// What a call was told that was refused for what it expected.
struct ToldSequence {
  Sequence current = 0;
  Position position = 0; ///< 0: no receipt.
};
/// Moments are numbers of one counter that all threads share.
struct StoreCall {
  std::uint64_t id = 0; ///< Its events are {id, 0}, {id, 1} ...; of all attempts to store them the same.
  std::uint32_t events = 0;
  std::uint64_t made = 0, answered = 0; ///< answered: 0 for an unknown outcome.
  Sequence sequence = 0;                ///< 0: unknown outcome, or refused.
  bool refused = false;                 ///< Certainly not stored.
  bool synced = false;                  ///< Acknowledged as such.
  bool duplicate = false;               ///< The same.
  Position position = 0;                ///< The same; of the first event.
  std::optional<Sequence> expected{};   ///< As the context's last one.
  std::optional<ToldSequence> told{};   ///< It was refused for that.
};
struct EventId {
  std::uint64_t call = 0;
  std::uint32_t index = 0;
  friend bool operator==(const EventId&, const EventId&) = default;
};
struct ReadCall {
  std::uint64_t made = 0, answered = 0;
  std::vector<EventId> seen;
};
/// What happened to one context.
struct ContextHistory {
  std::string context;
  std::vector<StoreCall> stores;
  std::vector<ReadCall> reads;
  std::vector<EventId> content; ///< In the end, by sequence.
  // A power cut was simulated beside the running engine between these moments (0: none was), and left this.
  std::uint64_t cut_began = 0, cut_ended = 0;
  std::vector<EventId> after_cut;
};

/// Throws Mismatch for a history that no order of the calls explains.
void judge(const ContextHistory& history);

/// A random history of 8 clients on the real scheduler, closed while they work; judged.
[[nodiscard]] Work history_work(std::uint64_t seed);

} // namespace weir::trust
