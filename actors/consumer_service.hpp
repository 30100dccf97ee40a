// The consumers' lane, and the calls that wait for it.
//
// Purpose: brings callers' threads, the event queue and the clock together with the ConsumerDesk, which one thread at a
// time may use. Owner: EngineCore. Threading: thread-safe; calls that return a Result wait for the lane and, where they
// say so, for consumers.db. Invariants: every call is answered, with `closing` at the latest when the engine closes;
// the lane is made at the first call.
#pragma once

#include "engine/consumers/consumer_desk.hpp"
#include "engine/consumers/reply.hpp"
#include "engine/io/executor.hpp"

#include <weir/consumer_types.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class EngineCore;

/// A member of a group, for its handle. Leaves when it is destroyed.
class GroupSeat {
public:
  GroupSeat(std::shared_ptr<io::Lane> lane, ConsumerDesk& desk, ConsumerDesk::Joined joined);
  ~GroupSeat();
  GroupSeat(const GroupSeat&) = delete;
  GroupSeat& operator=(const GroupSeat&) = delete;

  Result<std::vector<HandedOut>> next(std::size_t events_max, std::optional<std::chrono::milliseconds> timeout_ms);
  Status settle(GroupHost::Settlement settlement);
  void stop_waiting();

private:
  const std::shared_ptr<io::Lane> lane_;
  ConsumerDesk& desk_; // alive as long as the lane runs jobs
  const ConsumerDesk::Joined joined_;
  std::atomic<std::uint64_t> questions_{0};
};

class ConsumerService {
public:
  /// `core` owns it.
  explicit ConsumerService(EngineCore& core) : core_(core) {}

  /// Where the consumer goes on, or, if it is new, begins. It is the caller's until close_single().
  Result<Position> open_single(const std::string& name, const ConsumerOptions& options);
  void close_single(const std::string& name);
  Status checkpoint(const std::string& name, Position position);
  Result<std::shared_ptr<GroupSeat>> join(const std::string& name, const GroupOptions& options);

  Result<std::vector<ConsumerStatus>> list();
  Result<ConsumerStatus> status(const std::string& name);
  Status reset(const std::string& name, const QueueStart& start);
  Status remove(const std::string& name);
  Result<std::vector<ParkedEvent>> parked(const std::string& name, Position from, std::size_t events_max);
  Result<std::uint64_t> replay_parked(const std::string& name, const std::string& context_id);

  /// Copies consumers.db into the new file `path` of `to`, for a backup; false if there is none.
  Result<bool> copy_to(io::FileSystem& to, const std::string& path);
  /// Once the lane runs no more.
  void close();

private:
  Result<std::shared_ptr<io::Lane>> lane();
  template <class T, class Question> Result<T> ask(Question question);
  Status make_sure_of(const std::string& name, ConsumerKind kind, const QueueStart& from);
  Result<Position> position_of(const QueueStart& start) const;
  Status add_lag(ConsumerStatus& status) const;

  EngineCore& core_;
  std::mutex mutex_;
  std::shared_ptr<io::Lane> lane_;
  std::unique_ptr<ConsumerDesk> desk_; // in the lane only
};

} // namespace weir
