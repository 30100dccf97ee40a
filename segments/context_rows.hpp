// Which rows of a segment belong to which context.
//
// Purpose: context and sequence are no column of a zone; the context index is, run-length encoded. Threading: a pure
// function of immutable things.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace weir::segments {

/// One context's rows of a segment, begin ... end - 1, of which the first has `first_sequence`.
struct ContextRows {
  std::string_view context_id;
  std::uint64_t begin = 0, end = 0;
  Sequence first_sequence = 0;
};

/// Calls `visit` for the contexts of rows begin ... end - 1, in their order. Errors: as IndexCursor; `corruption` if
/// the index has no context for a row.
Status visit_contexts(const BlockSource& source, const Footer& footer, std::uint64_t begin, std::uint64_t end,
                      const std::function<void(const ContextRows&)>& visit);

} // namespace weir::segments
