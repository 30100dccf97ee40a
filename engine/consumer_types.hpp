// What consumers are, and what is asked and told about them.
//
// Purpose: shared by the public door and the engine's own consumers. Threading: plain values.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/query.hpp>
#include <weir/result.hpp>
#include <weir/subscribe_options.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

inline constexpr std::size_t consumer_name_bytes_max = 128;

enum class ConsumerKind : std::uint8_t {
  single = 0, ///< One reader, which says how far it has come.
  group = 1,  ///< Members that share the events, and settle them one by one.
};

/// "single", "group"
[[nodiscard]] std::string_view to_string(ConsumerKind kind) noexcept;

struct ConsumerOptions {
  /// Where a consumer of a new name begins. A known one goes on where it was.
  QueueStart from{};
  // Which events: as in SubscribeOptions. They belong to the program, not to the consumer's record: other ones next
  // time mean that from the checkpoint on other events come.
  std::vector<std::string> types{};
  std::string context_prefix{};
  std::optional<Expr> where{};
  std::size_t batch_events_max = 1'024;
};

struct GroupOptions {
  /// As in ConsumerOptions. All members that are there at one time have the same options.
  QueueStart from{};
  std::vector<std::string> types{};
  std::string context_prefix{};
  std::optional<Expr> where{};

  /// How long a member may keep an event before it is taken away and handed out again. 1 ms - 24 h.
  std::chrono::milliseconds ack_timeout_ms{30'000};
  /// How often an event is handed out before it is parked, 1-1,000. Counted through restarts: a handler that takes the
  /// process down with it has had its delivery.
  std::uint32_t deliveries_max = 5;
  /// Events with one member, 1-4,096.
  std::size_t in_flight_max = 256;
  /// What becomes of later events of a context of which one was parked.
  enum class OnPark : std::uint8_t {
    context_waits,  ///< They are parked behind it, so that a replay finds all in order. Other contexts go on.
    context_goes_on ///< They are handed out: for handlers to which the events of a context are independent.
  };
  OnPark on_park = OnPark::context_waits;
  /// Parked events beyond which the group reads no further, 1-1,000,000.
  std::size_t parked_max = 65'536;

  /// `invalid_argument` naming the field.
  [[nodiscard]] Status validate() const;
};

/// An event that was given up on for the time being.
struct ParkedEvent {
  Position position = 0;
  std::string context_id;
  Sequence sequence = 0;
  std::string event_type;
  std::string reason;
  std::uint32_t deliveries = 0; ///< How often it had been handed out.
  Timestamp parked_at{};
  bool replay_wanted = false; ///< Will be handed out again as soon as the group has members.
};

struct ConsumerStatus {
  std::string name;
  ConsumerKind kind = ConsumerKind::single;
  Position checkpoint = 0; ///< Everything before it is dealt with.
  /// Events at or after the checkpoint that are not dealt with, whether the consumer's filter lets them pass or not. 0:
  /// it has caught up.
  std::uint64_t lag_events = 0;
  /// Age of the oldest of these, by the time it was recorded.
  std::chrono::milliseconds lag_ms{0};
  std::uint64_t done_above = 0; ///< Events after the checkpoint that are dealt with.
  std::uint64_t parked = 0;
  std::uint64_t members = 0;   ///< Of a group, or 1 while a single consumer is open.
  std::uint64_t in_flight = 0; ///< Events with members.
};

} // namespace weir
