#include "engine/word_window.hpp"

namespace weir {
namespace {

/// Words looked at without a branch for each.
constexpr std::size_t stride = 8;

bool any_of_stride(const std::uint64_t* words) noexcept {
  std::uint64_t any = 0;
  for (std::size_t i = 0; i < stride; ++i)
    any |= words[i];
  return any != 0;
}

} // namespace

WordWindow window_of(std::span<const std::uint64_t> words) noexcept {
  std::size_t begin = 0, end = words.size();
  while (end - begin >= stride && !any_of_stride(words.data() + begin))
    begin += stride;
  while (begin < end && words[begin] == 0)
    ++begin;
  while (end - begin >= stride && !any_of_stride(words.data() + end - stride))
    end -= stride;
  while (end > begin && words[end - 1] == 0)
    --end;
  return {begin, end - begin};
}

} // namespace weir
