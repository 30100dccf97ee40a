// Consumers of a plain engine.
//
// Purpose: what actors/consumer_service does round a ConsumerDesk, without threads that wait: who asks lets the engine
// go on until he is answered. Owner: a test. Threading: one thread. The engine outlives it.
#pragma once

#include "engine/consumers/consumer_desk.hpp"
#include "trust/support/disk/plain_engine.hpp"

#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::trust {

class PlainConsumers {
public:
  explicit PlainConsumers(PlainEngine& engine);
  ~PlainConsumers();
  PlainConsumers(const PlainConsumers&) = delete;
  PlainConsumers& operator=(const PlainConsumers&) = delete;

  [[nodiscard]] ConsumerDesk& desk() noexcept { return *desk_; }
  /// Makes a consumer of the name that begins with the oldest event, if there is none.
  Status make(const std::string& name, ConsumerKind kind);
  Result<Position> open_single(const std::string& name);
  Result<ConsumerDesk::Joined> join(const std::string& name);
  void leave(const ConsumerDesk::Joined& seat);
  /// What is there for the member now.
  Result<std::vector<HandedOut>> next(const ConsumerDesk::Joined& seat, std::size_t events_max);
  Status settle(const ConsumerDesk::Joined& seat, GroupHost::Settlement settlement);

private:
  PlainEngine& engine_;
  std::unique_ptr<ConsumerDesk> desk_;
  std::uint64_t questions_ = 0;
};

} // namespace weir::trust
