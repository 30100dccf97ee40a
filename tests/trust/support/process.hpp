// What this process uses, as the system counts it.
#pragma once

#include <cstdint>

namespace weir::trust {

/// Sanitizers keep what was freed and shadow what is used: their builds say nothing about memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// Resident now, and at the most since the process began.
[[nodiscard]] std::uint64_t memory_bytes();
[[nodiscard]] std::uint64_t peak_memory_bytes();
[[nodiscard]] std::uint64_t open_descriptors();

} // namespace weir::trust
