// The judges of backups and of what is restored of them are judged: they must find each mistake that is planted, and
// none without.
#pragma once

#include <cstdint>

namespace weir::trust {

/// Mistakes in what a host says, and in what a restored directory holds. Returns how many were planted; throws
/// std::runtime_error if one is not found.
std::uint64_t find_planted_in_backups();
/// The same of mistakes in the files of a real backup.
std::uint64_t find_planted_in_copies();

} // namespace weir::trust
