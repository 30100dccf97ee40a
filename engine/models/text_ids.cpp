#include "engine/models/text_ids.hpp"

#include "engine/text.hpp"

#include <chrono>

namespace weir {

namespace {

constexpr std::uint64_t low_end = std::uint64_t{1} << 62;
constexpr std::uint64_t time_end = std::uint64_t{1} << 48;

} // namespace

std::string TextIds::next() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(clock_->now()).time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  if (const auto now_ms = static_cast<std::uint64_t>(now < 0 ? 0 : now) % time_end; now_ms > last_ms_) {
    last_ms_ = now_ms;
    high_ = random_->next() & 0x7FF; // its first bit stays free to be counted into
    low_ = random_->next() % low_end;
  } else if (++low_ == low_end) {
    low_ = 0;
    if (++high_ == 0x1000) {
      high_ = 0;
      ++last_ms_;
    }
  }
  return format("{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}", last_ms_ >> 16, last_ms_ & 0xFFFF, high_, 0x8000 | (low_ >> 48),
                low_ & 0xFFFF'FFFF'FFFF);
}

std::string TextIds::letters(std::size_t count) {
  constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const std::lock_guard lock(mutex_);
  std::string text;
  while (text.size() < count)
    text += alphabet[random_->next() % alphabet.size()];
  return text;
}

} // namespace weir
