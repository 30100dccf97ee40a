#include "segments/context_rows.hpp"

#include "segments/context_index.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::segments {

Status visit_contexts(const BlockSource& source, const Footer& footer, std::uint64_t begin, std::uint64_t end,
                      const std::function<void(const ContextRows&)>& visit) {
  auto block =
      std::prev(std::upper_bound(footer.index.begin(), footer.index.end(), begin,
                                 [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
  for (std::uint64_t row = begin; row < end; ++block) {
    if (block == footer.index.end())
      return source.damaged("the context index ends before the rows do", footer.index.back().ref.offset);
    auto cursor = IndexCursor::open(source, *block);
    if (!cursor)
      return std::move(cursor).error();
    auto found = cursor->seek_row(row);
    if (found && !*found)
      return source.damaged("the context index has a gap", block->ref.offset);
    for (; found && *found && row < end; found = cursor->next()) {
      const IndexEntry entry = cursor->entry();
      const std::uint64_t entry_end = std::min<std::uint64_t>(entry.first_row + entry.rows, end);
      visit({entry.context_id, row, entry_end, entry.first_sequence + (row - entry.first_row)});
      row = entry_end;
    }
    if (!found)
      return std::move(found).error();
  }
  return {};
}

} // namespace weir::segments
