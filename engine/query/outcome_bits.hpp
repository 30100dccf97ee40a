// What a condition may turn out to be, for the rows of a zone at once.
//
// Purpose: Outcomes of 64 rows in three words, so that AND, OR and NOT over a zone are some word operations each.
// Owner: one evaluation. Threading: plain values.
// Where few rows are left, only the words around them are worked on. Invariants: sets of the same zone have the same
// number of rows; bits behind the last row mean nothing.
#pragma once

#include "engine/query/outcomes.hpp"
#include "engine/query/row_words.hpp"
#include "engine/word_window.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::query {

/// A set of rows of a zone, a bit each.
class RowBits {
public:
  RowBits() = default;
  /// No row of `rows`.
  explicit RowBits(std::size_t rows) : rows_(rows), array_((rows + 63) / 64) {}

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::span<std::uint64_t> words() noexcept { return array_.words(); }
  [[nodiscard]] std::span<const std::uint64_t> words() const noexcept { return array_.words(); }
  [[nodiscard]] bool has(std::size_t row) const noexcept { return ((words()[row / 64] >> (row % 64)) & 1u) != 0; }
  void add(std::size_t row) noexcept { words()[row / 64] |= std::uint64_t{1} << (row % 64); }
  void remove(std::size_t row) noexcept { words()[row / 64] &= ~(std::uint64_t{1} << (row % 64)); }
  /// Rows from `begin` to before `end`.
  void add(std::size_t begin, std::size_t end) noexcept;
  void remove(std::size_t begin, std::size_t end) noexcept;
  void keep(std::span<const std::uint64_t> others) noexcept;
  /// Those that are among `others`, where row 0 has bit `first`.
  void keep(std::span<const std::uint64_t> others, std::size_t first) noexcept;

  /// All of `others` are among these.
  [[nodiscard]] bool contains(const RowBits& others) const noexcept;
  [[nodiscard]] bool any() const noexcept;
  [[nodiscard]] std::size_t count() const noexcept;

  /// Calls `visit(row)` in ascending order.
  template <class Visit> void each(const Visit& visit) const {
    const auto all = words();
    for (std::size_t w = 0; w < all.size(); ++w)
      for (std::uint64_t word = all[w]; word != 0; word &= word - 1)
        visit(w * 64 + static_cast<std::size_t>(std::countr_zero(word)));
  }

private:
  std::size_t rows_ = 0;
  WordArray<usual_zone_words> array_;
};

class OutcomeBits {
public:
  /// Nothing is said of any row yet.
  explicit OutcomeBits(std::size_t rows) : words_((rows + 63) / 64), array_(3 * words_, Words::Unset()) {}

  [[nodiscard]] std::size_t words() const noexcept { return words_; }
  // Which rows may turn out so. A row that was decided is in one of them.
  [[nodiscard]] std::span<std::uint64_t> may_be_false() noexcept { return part(0); }
  [[nodiscard]] std::span<std::uint64_t> may_be_unknown() noexcept { return part(1); }
  [[nodiscard]] std::span<std::uint64_t> may_be_true() noexcept { return part(2); }
  [[nodiscard]] std::span<const std::uint64_t> may_be_false() const noexcept { return part(0); }
  [[nodiscard]] std::span<const std::uint64_t> may_be_unknown() const noexcept { return part(1); }
  [[nodiscard]] std::span<const std::uint64_t> may_be_true() const noexcept { return part(2); }

  /// Every row.
  void fill(Outcomes outcomes) noexcept;
  /// The rows of `rows`.
  void set(std::span<const std::uint64_t> rows, Outcomes outcomes) noexcept;
  void set(std::size_t row, Outcomes outcomes) noexcept;
  [[nodiscard]] Outcomes at(std::size_t row) const noexcept;
  /// Rows of a payload field of which the segment told where the condition is true: these have to be in may_be_true()
  /// already. It is false for other values, `of_null` for the rows of `null`, and `of_absent` for those of `open` that
  /// are in none.
  /// All in `window` alone.
  void set_marked(WordWindow window, std::span<const std::uint64_t> open, std::span<const std::uint64_t> values,
                  std::span<const std::uint64_t> null, Outcomes of_absent, Outcomes of_null) noexcept;
  /// The rows of may_be_true() are true, the others false. In `window` alone.
  void decide_rest(WordWindow window) noexcept;

  // In `window` alone:
  void combine_both(const OutcomeBits& other, WordWindow window) noexcept;   ///< AND
  void combine_either(const OutcomeBits& other, WordWindow window) noexcept; ///< OR
  void negate() noexcept;                                                    ///< NOT, everywhere

  /// Takes those out of `rows` that cannot turn out true, and adds those left that cannot but be true to `certain`.
  void keep_matches(RowBits& rows, RowBits& certain) const noexcept;

private:
  using Words = WordArray<3 * usual_zone_words>;
  [[nodiscard]] std::span<std::uint64_t> part(std::size_t i) noexcept {
    return array_.words().subspan(i * words_, words_);
  }
  [[nodiscard]] std::span<const std::uint64_t> part(std::size_t i) const noexcept {
    return array_.words().subspan(i * words_, words_);
  }

  std::size_t words_;
  Words array_;
};

} // namespace weir::query
