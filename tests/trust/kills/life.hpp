// One life of the engine: from its start to its death, with everything it said on the way.
//
// Owner: the story of a directory. Threading: one thread.
#pragma once

#include "trust/kills/aim.hpp"
#include "trust/kills/hit_board.hpp"
#include "trust/kills/oracle.hpp"
#include "trust/kills/orders.hpp"
#include "trust/kills/workload.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::trust {

class HostProcess;

class Life {
public:
  struct End {
    bool killed = false;              ///< Else it was closed.
    bool by_driver = false;           ///< Killed by a signal of ours, not by itself.
    bool opening = false;             ///< Killed before the engine was open.
    std::optional<std::size_t> point; ///< Killed at this one.
    std::chrono::steady_clock::duration open_time{};
  };

  /// `open_time`: how long an open took last.
  Life(KillOracle& oracle, Dice& dice, const Aim& aim, std::chrono::steady_clock::duration open_time)
      : oracle_(oracle), dice_(dice), aim_(aim) {
    end_.open_time = open_time;
  }

  /// Runs `host` with these orders, to which the aim's are added. Whatever should not be is the oracle's to know.
  End run(const std::string& host, HostOrders orders, HitBoard& board);

private:
  using Clock = std::chrono::steady_clock;

  void listen(HostProcess& host);
  void take(std::string_view line);
  CallId take_id(std::string_view& line) const;
  void take_acknowledgement(std::string_view line);
  void take_event(std::string_view line);
  void take_places(std::string_view line);
  void begin_opening();
  void end_opening();
  void kill_in(Clock::duration time) { kill_at_ = Clock::now() + time; }
  Clock::duration up_to(Clock::duration time);

  KillOracle& oracle_;
  Dice& dice_;
  const Aim aim_;
  std::uint32_t number_ = 0;
  End end_;
  Clock::time_point began_{};
  std::optional<Clock::time_point> kill_at_;
  bool opening_ = false;
  bool killed_ = false; ///< By us, not by itself.
  bool closed_ = false;
};

} // namespace weir::trust
