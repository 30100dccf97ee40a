// What a host is told to do in its life, as its command line says it.
//
// Threading: plain values.
#pragma once

#include "trust/kills/removal_workload.hpp"

#include <weir/event.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

/// Where a host dies in the handler of handler_host.hpp.
enum class HandlerMoment : std::uint8_t { none, in_event, before_commit, after_commit };
inline constexpr std::size_t handler_moments = 3; ///< Without `none`.

struct HostOrders {
  std::string directory;
  std::string board; ///< File of the HitBoard.
  std::uint64_t seed = 0;
  std::uint32_t life = 1;             ///< Unique in a run, so that no call of one life looks like one of another.
  std::optional<std::size_t> point;   ///< It kills itself at this kill point ...
  std::uint32_t hit = 1;              ///< ... when it comes by for this time.
  std::uint64_t acks_until_kill = 0;  ///< It kills itself after so many acknowledgements; 0: never.
  std::uint64_t acks_until_close = 0; ///< It closes the engine after so many; 0: never.
  std::uint32_t calls_per_flush = 100;
  std::uint32_t writers = 4;
  bool idle = false;  ///< It stores nothing, and waits for its death.
  bool early = false; ///< It acknowledges before it stores, which is wrong: the judge must find out.
  /// For each context the first sequence to show after opening; empty: nothing is shown.
  std::vector<Sequence> show;
  /// Where each of the `subscribers` (speech.hpp) goes on; empty: nobody reads the event queue in this life.
  std::vector<Position> read;
  /// Stored by earlier lives, and to be stored again.
  std::vector<RemovableCall> again;
  std::string handler; ///< Database of the handler (handler_host.hpp); empty: there is none in this life.
  HandlerMoment handler_dies = HandlerMoment::none;
  std::uint32_t handler_hit = 1; ///< When it comes by that moment for this time.
  std::string backups; ///< Directory of the `backup_places` (speech.hpp); empty: no backups are made in this life.
  std::string restore; ///< A backup that it restores into `directory`, instead of opening it.
};

/// `host` is the program.
[[nodiscard]] std::vector<std::string> arguments_of(const std::string& host, const HostOrders& orders);
/// Throws std::runtime_error for arguments that arguments_of() did not make.
[[nodiscard]] HostOrders orders_of(int argc, char** argv);

} // namespace weir::trust
