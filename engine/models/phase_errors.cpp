#include "engine/models/phase_errors.hpp"

#include "engine/text.hpp"

#include <utility>

namespace weir {

bool is_database_failure(const Error& error) noexcept {
  switch (error.code) {
  case Errc::io_error:
  case Errc::disk_full:
  case Errc::corruption:
  case Errc::locked:
  case Errc::closing: return true;
  default: return false;
  }
}

void PhaseErrors::add(std::string_view phase, Error error) {
  if (error_ && is_database_failure(*error_))
    return;
  std::string message = format("{}: {}", phase, error.message);
  if (is_database_failure(error)) {
    error.message = std::move(message);
    error_ = std::move(error);
  } else if (error_) {
    error_->message += "; " + message;
  } else {
    error_ = fail(Errc::projection_failed, std::move(message), std::move(error.where));
  }
}

Status PhaseErrors::status() && {
  if (error_)
    return *std::move(error_);
  return {};
}

} // namespace weir
