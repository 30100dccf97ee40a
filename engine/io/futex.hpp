// The operating system's wait on a word of memory.
//
// Why not std::atomic::wait: it wakes by way of a table that all words share, spins, and how long it does is not said.
// Threading: any thread. Spurious returns are possible:
// look at the word again.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::io {

/// Sleeps while `word` holds `value`.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept;
/// Wakes one thread that sleeps on `word`, which is not looked at.
void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept;

} // namespace weir::io
