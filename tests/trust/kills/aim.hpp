// Where a life of the engine is to end, and what must have been for a kill point to be reached.
//
// Threading: pure functions and plain values.
#pragma once

#include "engine/kill_point.hpp"
#include "trust/kills/orders.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

/// What an engine must be doing to come by a kill point.
enum class Phase : std::uint8_t {
  creating, ///< Making a directory: once in its life, in the order of the list.
  first,    ///< The first stores into a directory.
  opening,
  writing,
  closing,
  restoring, ///< Making a directory of a backup.
};

[[nodiscard]] Phase phase_of(std::size_t point);
/// Killed at this one first, a directory is left in a state in which the next life comes by `point`; none: any will do.
[[nodiscard]] std::optional<std::size_t> prepared_by(std::size_t point);
/// Whether only those come by who read the event queue.
[[nodiscard]] bool needs_readers(std::size_t point);
/// Whether only those come by who make backups, or restore them.
[[nodiscard]] bool needs_backups(std::size_t point);
/// How often a life comes by `point` at least, if it is aimed at.
[[nodiscard]] std::uint32_t hits_expected(std::size_t point);
/// All points of a phase.
[[nodiscard]] std::vector<std::size_t> points_of(Phase phase);
/// Whether kill points are built in.
#ifdef WEIR_TEST_POINTS
inline constexpr bool kill_points_built = true;
#else
inline constexpr bool kill_points_built = false;
#endif

struct Aim {
  enum class At : std::uint8_t {
    moment,          ///< Up to 50 ms after the first store.
    acknowledgement, ///< Right at the n-th one.
    opening,         ///< While open() runs.
    point,           ///< At a kill point, when it is come by for the n-th time.
    shown,           ///< As soon as the directory's content has been shown.
    closed,          ///< Not at all: the engine is closed.
    restoring,       ///< While a backup is restored.
    handling,        ///< In the handler, at the moment `moment`, when it comes by for the n-th time.
  };
  At at = At::moment;
  std::size_t point = 0;
  std::uint32_t hit = 1;
  HandlerMoment moment = HandlerMoment::none;
};

[[nodiscard]] std::string to_string(const Aim& aim);

} // namespace weir::trust
