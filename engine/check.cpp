#include "engine/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace weir::detail {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "weir: broken invariant `%s` at %s:%d\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

} // namespace weir::detail
