// What this process uses, as the system counts it.
#pragma once

#include <cstdint>

namespace weir::trust {

/// Resident now, and at the most since the process began.
[[nodiscard]] std::uint64_t memory_bytes();
[[nodiscard]] std::uint64_t peak_memory_bytes();
[[nodiscard]] std::uint64_t open_descriptors();

} // namespace weir::trust
