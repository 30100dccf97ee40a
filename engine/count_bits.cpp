#include "engine/count_bits.hpp"

#include "engine/processor.hpp"

#include <bit>

namespace weir {
namespace {

#if WEIR_X86_64
WEIR_BMI2 std::uint64_t fast_count(std::span<const std::uint64_t> words) noexcept {
  std::uint64_t count = 0;
  for (const std::uint64_t word : words)
    count += static_cast<std::uint64_t>(_mm_popcnt_u64(word));
  return count;
}
#endif

} // namespace

std::uint64_t count_bits(std::span<const std::uint64_t> words) noexcept {
#if WEIR_X86_64
  if (has_bmi2())
    return fast_count(words);
#endif
  std::uint64_t count = 0;
  for (const std::uint64_t word : words)
    count += static_cast<std::uint64_t>(std::popcount(word));
  return count;
}

} // namespace weir
