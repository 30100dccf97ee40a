// A consumer group at work: what ConsumerGroup decides, with events, files, time and members round it.
//
// Purpose: takes batches from the event queue in, hands deliveries to members that wait, and tells anybody of anything
// only once consumers.db has it: the delivery before the event is handed out, the acknowledgement before it is
// answered. All that comes in while a commit runs shares the next one.
// Owner: ConsumerDesk, as long as the group has members. Threading: the consumers' lane only. Invariants: memory is
// bounded by the group's window, in events and in bytes (one batch more at most); after a failed commit the group is at
// its end: members are told, and the next to join begins with what the file holds.
#pragma once

#include "engine/consumers/consumer_group.hpp"
#include "engine/consumers/consumer_store.hpp"
#include "engine/consumers/reply.hpp"
#include "engine/io/clock.hpp"
#include "engine/io/executor.hpp"

#include <weir/consumer_types.hpp>
#include <weir/event.hpp>
#include <weir/subscribe_options.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// An event with its bytes.
class OwnedEvent {
public:
  explicit OwnedEvent(const EventView& event);
  OwnedEvent(const OwnedEvent&) = delete;
  OwnedEvent& operator=(const OwnedEvent&) = delete;
  [[nodiscard]] const EventView& view() const noexcept { return view_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }

private:
  std::string bytes_;
  EventView view_;
};

struct HandedOut {
  std::shared_ptr<const OwnedEvent> event;
  std::uint64_t token = 0;
  std::uint32_t deliveries = 0;
};

/// Batches of the event queue, one for each request.
class GroupIntake {
public:
  virtual ~GroupIntake() = default;
  virtual void request() = 0;
  virtual void cancel() = 0;
};

class GroupHost : public std::enable_shared_from_this<GroupHost> {
public:
  static constexpr std::size_t batch_events_max = 256; ///< Of the queue, for each request.

  using MemberId = ConsumerGroup::MemberId;
  using OnBatch = std::function<void(QueueBatch&&)>;
  using OnEnd = std::function<void(Status)>;
  struct Parts {
    ConsumerStore* store = nullptr;
    std::shared_ptr<io::Lane> lane;
    const io::Clock* clock = nullptr;
    std::uint64_t hash_seed = 0;
    std::uint64_t first_token = 1; ///< Another one for each host: a delivery of one is none of the next.
    /// Reads the queue from a position on; the callbacks come from any thread.
    std::function<Result<std::unique_ptr<GroupIntake>>(Position from, const GroupOptions&, OnBatch, OnEnd)> open_queue;
    /// The context's event with this sequence; null if it is there no more.
    std::function<Result<std::shared_ptr<const OwnedEvent>>(std::string_view context_id, Sequence, Position)>
        read_event;
  };

  /// Goes on where consumers.db says. Errors: those of ConsumerStore::load_group and of opening the queue.
  static Result<std::shared_ptr<GroupHost>> open(Parts parts, ConsumerRecord record, GroupOptions options);
  ~GroupHost();

  [[nodiscard]] const GroupOptions& options() const noexcept { return options_; }
  [[nodiscard]] const ConsumerRecord& record() const noexcept { return record_; }
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }
  [[nodiscard]] std::size_t members() const noexcept { return members_; }
  [[nodiscard]] const ConsumerGroup& group() const noexcept { return group_; }

  MemberId join();
  void leave(MemberId member);
  /// Answers with events as soon as there are some for the member, at most `events_max`.
  /// `question` tells a member's questions apart.
  void next(MemberId member, std::uint64_t question, std::size_t events_max, Reply<std::vector<HandedOut>> reply);
  /// The question, if it still waits, is answered soon: with what there is. None named: all of the member's.
  void stop_waiting(MemberId member, std::optional<std::uint64_t> question = std::nullopt);

  struct Settlement {
    enum class How : std::uint8_t { ack, nack, park } how = How::ack;
    std::vector<std::uint64_t> tokens;
    std::chrono::milliseconds delay{0};
    std::string reason;
  };
  /// Answered when it is durable; with the first token's error, if one is not the member's (the others count).
  void settle(MemberId member, Settlement settlement, Reply<bool> reply);
  /// Hands parked events out again; how many. See ConsumerDesk::replay_parked().
  Result<std::uint64_t> replay_parked(std::string_view context_id);
  /// The last member has left: what that changed is made durable, and that was it.
  void retire();
  /// Everybody who waits is told `why`, and so is everybody who comes. Also once the lane runs no more.
  void end(Error why);

private:
  GroupHost(Parts parts, ConsumerRecord record, GroupOptions options, const GroupRecord& stored);

  struct Ask {
    MemberId member = 0;
    std::uint64_t question = 0;
    std::size_t events_max = 0;
    bool waits = true; ///< Else it is answered with nothing if there is nothing.
    Reply<std::vector<HandedOut>> reply;
  };
  struct Answer {
    Reply<bool> reply;
    Result<bool> result;
  };
  struct Filled {
    Reply<std::vector<HandedOut>> reply;
    std::vector<HandedOut> events;
  };

  Status open_intake();
  void intake_ended(const Status& status);
  void go_on_soon();
  void go_on();
  void take_in(QueueBatch&& batch);
  void want_more();
  void hand_out();
  std::vector<HandedOut> fill(const Ask& ask);
  Result<std::shared_ptr<const OwnedEvent>> content(Position position);
  void take_wanted(const std::vector<ParkedEvent>& parked);
  Status commit();
  void describe(Position position, ParkedEvent& event) const;
  void forget(const GroupChanges& changes);
  void arm_timer();
  [[nodiscard]] ConsumerGroup::ContextHash hash_of(std::string_view context_id) const;

  Parts parts_;
  ConsumerRecord record_;
  const GroupOptions options_;
  ConsumerGroup group_;
  std::map<Position, std::uint32_t> delivered_before_; ///< In earlier lives, above the checkpoint.
  std::map<Position, std::shared_ptr<const OwnedEvent>> events_;
  std::map<Position, ParkedEvent> replayed_; ///< Whose content is read when it is handed out.
  std::size_t events_bytes_ = 0;
  std::unique_ptr<GroupIntake> intake_;
  bool requested_ = false;
  bool going_on_ = false; ///< A job is on its way.
  std::deque<Ask> asks_;
  std::vector<Answer> answers_; ///< For the next commit.
  std::vector<Filled> filled_;
  std::optional<ConsumerGroup::Time> armed_;
  std::size_t members_ = 0;
  std::optional<Error> failure_;
};

} // namespace weir
