// Finds events of one context in a segment by their ids.
//
// Purpose: what a look-up of event ids does once the filter says "maybe". A whole batch that is stored again comes in
// the order of the first time: so behind what was found last, and then from the last row back, since whatever else is
// asked for is mostly a retry of something recent. No payload is read: a column holds the hash of each content.
// Threading: a search is for one thread; hints are for any.
#pragma once

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/zone_slice.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::segments {

/// For contexts of a segment the row behind the one that was found last: where to look first, no more than that.
class EventIdHints {
public:
  explicit EventIdHints(std::uint64_t rows) noexcept;
  /// At first the context's first row.
  [[nodiscard]] std::uint64_t row(const ContextRange& context) const noexcept;
  void set(const ContextRange& context, std::uint64_t row);

private:
  /// Contexts of so many rows (a power of two) and more have a place of their own; of fewer all rows are looked at in
  /// the time a hint would save.
  [[nodiscard]] std::uint64_t rows_per_place() const noexcept { return std::uint64_t{1} << shift_; }

  const unsigned shift_;
  const std::size_t places_;
  std::once_flag made_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> owner_; // most segments are never asked for ids that they hold
  std::atomic<std::atomic<std::uint32_t>*> rows_ = nullptr;
};

class EventIdSearch {
public:
  /// All of it outlives the search. What is found goes to the same place of `found`.
  EventIdSearch(const BlockSource& source, const Footer& footer, std::span<const std::string_view> ids,
                std::span<FoundId> found)
      : source_(source), footer_(footer), ids_(ids), found_(found) {}

  /// ids[i] is looked for.
  void want(std::size_t i) { wanted_.push_back(i); }
  [[nodiscard]] bool wants_any() const noexcept { return !wanted_.empty(); }
  /// Looks at the context's rows, until all are found. Errors: `corruption`, `io_error`.
  Status run(const ContextRange& context, EventIdHints& hints);

private:
  struct TextHash {
    std::size_t operator()(std::string_view text) const noexcept;
  };
  Status look_at(std::uint64_t begin, std::uint64_t end, bool backward);
  std::size_t place_of(std::string_view id);
  Status fill_content(const ZoneSlice& slice, std::size_t zone, std::uint32_t row, FoundId& found);
  [[nodiscard]] std::size_t place_of_any(std::string_view id);
  [[nodiscard]] std::uint64_t zone_begin(std::uint64_t row) const noexcept {
    return row / footer_.zone_rows * footer_.zone_rows;
  }

  const BlockSource& source_;
  const Footer& footer_;
  ContextRange context_;
  std::span<const std::string_view> ids_;
  std::span<FoundId> found_;
  std::vector<std::size_t> wanted_;
  std::size_t left_ = 0;
  std::size_t next_ = 0;                                               ///< Of wanted_: probably the next to be found.
  std::unordered_map<std::string_view, std::size_t, TextHash> places_; ///< Once they are not found in order.
  std::uint64_t behind_ = 0;                                           ///< The last row that was found.
};

} // namespace weir::segments
