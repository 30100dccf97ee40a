// Invariants that hold in every build.
//
// Purpose: a broken invariant is our bug, never the caller's and never the disk's; going on could store wrong data, so
// the process stops, in release builds too. Bytes from disk or from callers never reach a check: they are validated
// and answered with an Error.
// Threading: callable from any thread.
#pragma once

namespace weir::detail {

/// Prints `condition` with its place to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

} // namespace weir::detail

#define WEIR_CHECK(condition)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) [[unlikely]]                                                                                     \
      ::weir::detail::check_failed(#condition, __FILE__, __LINE__);                                                    \
  } while (false)
