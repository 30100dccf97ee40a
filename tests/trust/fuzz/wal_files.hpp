// Log files as fuzz inputs: packed without their gaps, and repaired.
//
// Threading: pure functions.
#pragma once

#include "trust/fuzz/fuzz.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::fuzz {

inline constexpr std::uint64_t directory_seed = 0x5EED;
inline constexpr std::size_t wal_files_max = 4;

/// One file in the container: u32 bytes of the whole file, then header and data without the zeros between them and
/// without those at the end.
[[nodiscard]] std::string fold_wal_file(std::string_view content);
[[nodiscard]] std::string unfold_wal_file(std::string_view folded);

/// Makes the checksums of the header, groups, records and seal right as far as structures can be followed, and
/// sometimes the numbers that chain groups.
void repair_wal_file(std::string& folded, std::uint64_t number, Random& random);

} // namespace weir::fuzz
