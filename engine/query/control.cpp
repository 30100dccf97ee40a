#include "engine/query/control.hpp"

#include "engine/text.hpp"

namespace weir::query {

Status check(const QueryControl& control) {
  if (control.cancel != nullptr && control.cancel->load(std::memory_order_relaxed))
    return fail(Errc::cancelled, "the query was cancelled");
  if (control.deadline && control.clock != nullptr && control.clock->steady_now() >= *control.deadline)
    return fail(Errc::deadline_exceeded, "the query did not end before its deadline");
  return {};
}

Status ResultBudget::take(std::uint64_t bytes) {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max_)
    return {};
  give_back(bytes);
  return fail(Errc::too_large,
              format("the answer needs more than {} bytes of memory; narrow the query, return fewer fields or set a "
                     "LIMIT",
                     max_));
}

} // namespace weir::query
