// Errors as values: every call that can fail says so in its signature.
//
// Purpose: `Result<T>` holds a value or an `Error` with a code, a message for people and a place. No exception crosses
// the public interface.
// Threading: plain values, no sharing.
// Invariants: a failed Result never holds Errc::ok; value() on a failed Result is a broken invariant, not an error.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

/// Every way a call can fail. Numbers are stable: they are part of the interface.
enum class Errc : std::uint8_t {
  ok = 0, ///< No error; never held by a failed Result.
  invalid_argument = 1,
  too_large,
  not_found,
  sequence_conflict,
  event_id_conflict,
  condition_failed,
  context_deleted,
  schema_violation,
  overloaded,
  deadline_exceeded,
  cancelled,
  disk_full,
  io_error,
  corruption,
  locked,
  incompatible,
  shard_failed,
  projection_failed,
  closing,
  parse_error,
  unsupported,
};

/// The code's name as it is written in documents: "disk_full".
[[nodiscard]] std::string_view to_string(Errc code) noexcept;

/// What went wrong and where.
struct Error {
  Errc code = Errc::ok;
  std::string message; ///< One sentence for people; names the value or limit concerned.
  std::string where;   ///< File and offset, context, option or text position; may be empty.
  /// Of `sequence_conflict`: every expectation that failed, then the first event in the way, if the call's condition
  /// has failed, too. Of `condition_failed`: that event. Of `event_id_conflict`: every id that is taken.
  std::vector<Conflict> conflicts{};
};

/// "corruption: block checksum differs (segments/000/0000000000000001.seg:16384)"
[[nodiscard]] std::string to_string(const Error& error);

/// Code and message, for the common `return fail(...)`.
[[nodiscard]] inline Error fail(Errc code, std::string message, std::string where = {}) {
  return Error{code, std::move(message), std::move(where), {}};
}

namespace detail {
[[noreturn]] void result_misused(const Error* error) noexcept;
} // namespace detail

/// A value of type T, or the Error that prevented it.
template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  /// The value. Precondition: ok().
  [[nodiscard]] T& value() & { return need(), *std::get_if<0>(&state_); }
  [[nodiscard]] const T& value() const& { return need(), *std::get_if<0>(&state_); }
  [[nodiscard]] T&& value() && { return need(), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The error. Precondition: !ok().
  [[nodiscard]] const Error& error() const& { return need_error(), *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return need_error(), std::move(*std::get_if<1>(&state_)); }

  /// Errc::ok or the error's code.
  [[nodiscard]] Errc code() const noexcept { return ok() ? Errc::ok : std::get_if<1>(&state_)->code; }

private:
  void need() const {
    if (!ok())
      detail::result_misused(std::get_if<1>(&state_));
  }
  void need_error() const {
    if (ok())
      detail::result_misused(nullptr);
  }
  std::variant<T, Error> state_;
};

/// Success, or the Error that prevented it.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Error& error() const& {
    if (ok())
      detail::result_misused(nullptr);
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    if (ok())
      detail::result_misused(nullptr);
    return std::move(*error_);
  }
  [[nodiscard]] Errc code() const noexcept { return ok() ? Errc::ok : error_->code; }

private:
  std::optional<Error> error_;
};

using Status = Result<void>;

} // namespace weir

/// Leaves the enclosing function with the error of `expression` (a Result or Status), if it has one.
#define WEIR_TRY(expression)                                                                                           \
  do {                                                                                                                 \
    if (auto weir_try_status = (expression); !weir_try_status) [[unlikely]]                                            \
      return std::move(weir_try_status).error();                                                                       \
  } while (false)
