// The words all else uses: Event, EventView, Receipt, positions and time.
//
// Purpose: the vocabulary of the engine, for callers and for every layer.
// Threading: plain values. An EventView borrows; what it borrows from is named where it is handed out.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Place of an event in its context: 1, 2, 3 ...; 0 means "none".
using Sequence = std::uint64_t;
/// Place of an event in the whole engine: opaque, strictly increasing in commit order inside a shard, gaps allowed.
using Position = std::uint64_t;
using ShardId = std::uint32_t;
/// UTC, microseconds.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

inline constexpr Sequence sequence_max = UINT64_MAX;

/// How safe a store is when it is acknowledged.
enum class Durability : std::uint8_t {
  buffered = 0, ///< Accepted in memory; lost if the process dies before the next write.
  written = 1,  ///< In the operating system's hands: survives the process, not the machine.
  synced = 2,   ///< On the disk: survives kill -9, an OS crash and power loss. The default.
};

[[nodiscard]] std::string_view to_string(Durability durability) noexcept;

/// One fact to store, as the caller gives it. The empty initialisers let callers name only the fields they set without
/// a warning (-Wmissing-field-initializers).
struct Event {
  std::string context_id{};             ///< 1-512 bytes UTF-8 without control characters: "order-42".
  std::string event_type{};             ///< 1-128 bytes UTF-8 without control characters.
  std::string payload{};                ///< A JSON object; given back byte for byte, outer white space trimmed.
  std::optional<Timestamp> timestamp{}; ///< Event time; where absent, `recorded_at`.
  std::string event_id{};               ///< Optional (empty: none), 1-128 bytes.
  std::string metadata{};               ///< Optional (empty: none), a JSON object, at most 64 KiB.
};

/// A borrowed look at one stored event. Empty `event_id` or `metadata`: the event has none.
struct EventView {
  std::string_view context_id;
  Sequence sequence = 0;
  Position position = 0;
  Timestamp recorded_at{}; ///< The engine's clock when the event was stored; never decreases inside a shard.
  Timestamp timestamp{};
  std::string_view event_type;
  std::string_view event_id;
  std::string_view metadata;
  std::string_view payload;
  std::uint32_t schema_version = 0; ///< Of its type's schema, as it was judged when it was stored; 0: there was none.

  /// Of all fields of variable length.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return context_id.size() + event_type.size() + event_id.size() + metadata.size() + payload.size();
  }
};

/// The answer to a store call. A call of n events gets the sequences `sequence ... sequence + n - 1` and the positions
/// `position ... position + n - 1`. A check, which has no events, gets the sequence that the next event would get, so
/// that last_sequence() is the context's last one, and no position.
struct Receipt {
  Sequence sequence = 0;                      ///< Of the first event of the call.
  Position position = 0;                      ///< Of the first event of the call.
  std::uint32_t events = 0;                   ///< Events in the call.
  Durability durability = Durability::synced; ///< What was reached, at least what was asked for.
  bool duplicate = false; ///< The events had been stored before, under the same event_ids; the numbers are of then.

  [[nodiscard]] Sequence last_sequence() const noexcept { return sequence + events - 1; }
  [[nodiscard]] Position last_position() const noexcept { return events == 0 ? 0 : position + events - 1; }
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

/// Why a call was refused that asked for something else than what is stored.
struct Conflict {
  std::string context_id{};
  /// Of an id that is taken: the id. Of an event in the way: its own, if it has one.
  std::string event_id{};
  /// Last sequence of the context, 0 if it has no event. Of an event in the way: its sequence.
  Sequence current = 0;
  /// Of the event that has the id or is in the way, or of the context's last one. Nothing if the context never had an
  /// event, if the last one is removed and compaction has left nothing of it, or if the segment that holds it could not
  /// be read.
  std::optional<Receipt> receipt{};
  /// What failed is StoreOptions::fail_if, because of this event. Expectations and ids: false.
  bool in_the_way = false;

  friend bool operator==(const Conflict&, const Conflict&) = default;
};

/// Sequences of a context that are removed (Engine::truncate_context, delete_context); both inclusive.
struct SequenceGap {
  Sequence first = 0, last = 0;

  friend bool operator==(const SequenceGap&, const SequenceGap&) = default;
};

/// A few events, and what keeps their bytes alive. Views stay valid while the batch (or a copy of it) lives.
class EventBatch {
public:
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return all().size(); }
  [[nodiscard]] const EventView& operator[](std::size_t i) const { return all()[i]; }
  [[nodiscard]] const EventView* begin() const noexcept { return all().data(); }
  [[nodiscard]] const EventView* end() const noexcept { return begin() + size(); }
  [[nodiscard]] const EventView& back() const { return all().back(); }
  /// Sum over all events of their variable-length fields.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  void add(const EventView& event) {
    if (!lent_.events.empty())
      own_lent(1);
    bytes_ += event.bytes();
    events_.push_back(event);
  }
  /// Adds an event that `fill(event)` writes where it is going to be; it is empty before. A copy of an event that has
  /// just been written waits for each of its fields.
  template <class Fill> void add_filled(const Fill& fill) {
    if (!lent_.events.empty())
      own_lent(1);
    EventView& event = events_.emplace_back();
    fill(event);
    bytes_ += event.bytes();
  }
  /// Shows `events` where they are, which a pin keeps, instead of copying them. `bytes`: the sum of theirs.
  /// Precondition: the batch is empty.
  void lend(std::span<const EventView> events, std::size_t bytes) {
    lent_.events = events;
    bytes_ = bytes;
  }
  /// Makes room for `events` more.
  void reserve(std::size_t events) {
    if (!lent_.events.empty())
      own_lent(events);
    // Never by a little: a batch is often filled in several steps.
    if (events_.capacity() - events_.size() < events)
      events_.reserve(events_.size() + (events > events_.size() ? events : events_.size()));
  }
  /// Keeps `owner` alive as long as the batch. The same owner twice in a row is kept once.
  void pin(std::shared_ptr<const void> owner) {
    if (!pins_.empty() && pins_.back() == owner)
      return;
    if (pins_.capacity() == 0)
      pins_.reserve(8); // as many as a batch of a small context has
    pins_.push_back(std::move(owner));
  }
  /// Takes over what keeps `other`'s bytes alive.
  void adopt_pins(EventBatch&& other) {
    for (auto& owner : other.pins_)
      pin(std::move(owner));
  }
  /// Sequences that the read was asked for and passed over before the events of this batch, since they are removed.
  [[nodiscard]] const std::optional<SequenceGap>& removed() const noexcept { return removed_; }
  void set_removed(std::optional<SequenceGap> removed) noexcept { removed_ = removed; }
  /// About how much memory the batch keeps alive: its bytes and a block for each owner.
  [[nodiscard]] std::size_t pinned_bytes() const noexcept { return bytes_ + pins_.size() * 16 * 1024; }
  void clear() noexcept {
    events_.clear();
    lent_.events = {};
    pins_.clear();
    removed_.reset();
    bytes_ = 0;
  }

private:
  /// Empty once it was moved from, as a vector is: what kept the events has gone with it.
  struct Lent {
    std::span<const EventView> events;

    Lent() = default;
    Lent(const Lent&) = default;
    Lent(Lent&& other) noexcept : events(std::exchange(other.events, {})) {}
    Lent& operator=(const Lent&) = default;
    Lent& operator=(Lent&& other) noexcept {
      events = std::exchange(other.events, {});
      return *this;
    }
    ~Lent() = default;
  };

  [[nodiscard]] std::span<const EventView> all() const noexcept {
    return lent_.events.empty() ? std::span<const EventView>(events_) : lent_.events;
  }
  void own_lent(std::size_t more);

  std::vector<EventView> events_; ///< Empty while others are lent.
  Lent lent_;
  std::vector<std::shared_ptr<const void>> pins_;
  std::optional<SequenceGap> removed_;
  std::size_t bytes_ = 0;
};

} // namespace weir
