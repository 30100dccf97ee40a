// Whether this build has a sanitizer that watches memory or threads.
//
// Purpose: such builds keep what was freed and shadow what is used, so they say nothing about memory; and they are up
// to ten times as slow, so that tests which repeat the same for many numbers take fewer of them there: all of them are
// taken by the same test in the other build.
#pragma once

namespace weir::test {

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

} // namespace weir::test
