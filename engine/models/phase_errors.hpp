// What goes wrong in a phase: several errors told together, a failing database told apart.
//
// Threading: plain values.
#pragma once

#include <weir/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// Whether an error is the database's own, so that another try may succeed and the event is not to blame.
[[nodiscard]] bool is_database_failure(const Error& error) noexcept;

/// The errors of one phase of one event.
class PhaseErrors {
public:
  /// `phase`: "_reduce_orders".
  void add(std::string_view phase, Error error);
  [[nodiscard]] bool empty() const noexcept { return !error_.has_value(); }
  /// `projection_failed` with "<phase>: <message>" of all of them, unless one is the database's: then that one.
  [[nodiscard]] Status status() &&;

private:
  std::optional<Error> error_;
};

} // namespace weir
