#include <weir/result.hpp>

#include <cstdio>
#include <cstdlib>

namespace weir {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
  case Errc::ok: return "ok";
  case Errc::invalid_argument: return "invalid_argument";
  case Errc::too_large: return "too_large";
  case Errc::not_found: return "not_found";
  case Errc::sequence_conflict: return "sequence_conflict";
  case Errc::event_id_conflict: return "event_id_conflict";
  case Errc::condition_failed: return "condition_failed";
  case Errc::context_deleted: return "context_deleted";
  case Errc::schema_violation: return "schema_violation";
  case Errc::overloaded: return "overloaded";
  case Errc::deadline_exceeded: return "deadline_exceeded";
  case Errc::cancelled: return "cancelled";
  case Errc::disk_full: return "disk_full";
  case Errc::io_error: return "io_error";
  case Errc::corruption: return "corruption";
  case Errc::locked: return "locked";
  case Errc::incompatible: return "incompatible";
  case Errc::shard_failed: return "shard_failed";
  case Errc::projection_failed: return "projection_failed";
  case Errc::closing: return "closing";
  case Errc::parse_error: return "parse_error";
  case Errc::unsupported: return "unsupported";
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  std::string text(to_string(error.code));
  text += ": ";
  text += error.message;
  if (!error.where.empty()) {
    text += " (";
    text += error.where;
    text += ')';
  }
  return text;
}

namespace detail {

void result_misused(const Error* error) noexcept {
  if (error != nullptr)
    std::fprintf(stderr, "weir: value of a failed result used: %s\n", to_string(*error).c_str());
  else
    std::fprintf(stderr, "weir: error of a successful result used\n");
  std::fflush(stderr);
  std::abort();
}

} // namespace detail
} // namespace weir
