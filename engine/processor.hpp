// What the processor can do beyond the baseline that weir is compiled for.
//
// Purpose: the inner loops of scans have a second form for AVX2 and BMI2, chosen while running; the answers are the
// same. Threading: pure functions.
#pragma once

#ifdef WEIR_TEST_POINTS
#include <atomic>
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WEIR_X86_64 1
#define WEIR_AVX2 __attribute__((target("avx2")))
#define WEIR_BMI2 __attribute__((target("avx2,bmi2,popcnt")))
#else
#define WEIR_X86_64 0
#endif

namespace weir {

#ifdef WEIR_TEST_POINTS
/// Off: as a processor that has none of it.
inline std::atomic<bool> processor_is_new{true};
#endif

#if WEIR_X86_64
/// AVX2.
[[nodiscard]] inline bool has_avx2() noexcept {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
#ifdef WEIR_TEST_POINTS
  if (!processor_is_new.load(std::memory_order_relaxed))
    return false;
#endif
  return has;
}

/// AVX2, BMI2 and POPCNT.
[[nodiscard]] inline bool has_bmi2() noexcept {
  static const bool has = __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  return has && has_avx2();
}
#endif

} // namespace weir
