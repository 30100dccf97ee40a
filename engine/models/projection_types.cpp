#include <weir/projection_types.hpp>

#include "engine/text.hpp"

#include <algorithm>

namespace weir {

Status EventSourcingOptions::validate() const {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), plain))
    return fail(Errc::invalid_argument, "the name of a projection has 1-64 letters a-z, digits, - and _", "name");
  if (models.empty())
    return fail(Errc::invalid_argument, "a projection needs a model", "models");
  const std::chrono::milliseconds longest = std::chrono::hours(24 * 365);
  const auto in_range = [&](std::chrono::milliseconds value, std::chrono::milliseconds least) {
    return value >= least && value <= longest;
  };
  if (!in_range(event_time_max_ms, std::chrono::milliseconds(1)))
    return fail(Errc::invalid_argument, "must be from 1 ms to a year", "event_time_max_ms");
  if (!in_range(retry_first_ms, std::chrono::milliseconds(1)))
    return fail(Errc::invalid_argument, "must be from 1 ms to a year", "retry_first_ms");
  if (!in_range(retry_longest_ms, retry_first_ms))
    return fail(Errc::invalid_argument, "must be from retry_first_ms to a year", "retry_longest_ms");
  if (batch_events_max == 0 || batch_events_max > 1'024)
    return fail(Errc::invalid_argument, "must be 1-1024", "batch_events_max");
  if (commit_within_ms.count() < 0 || commit_within_ms > std::chrono::seconds(1))
    return fail(Errc::invalid_argument, "must be 0-1000 ms", "commit_within_ms");
  if (readers_max == 0 || readers_max > 64)
    return fail(Errc::invalid_argument, "must be 1-64", "readers_max");
  return {};
}

std::string_view to_string(ProjectionState state) noexcept {
  switch (state) {
  case ProjectionState::running: return "running";
  case ProjectionState::halted: return "halted";
  case ProjectionState::failing: return "failing";
  case ProjectionState::late: return "late";
  case ProjectionState::closed: return "closed";
  }
  return "unknown";
}

} // namespace weir
