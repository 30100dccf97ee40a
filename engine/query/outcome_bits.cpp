#include "engine/query/outcome_bits.hpp"

#include "engine/count_bits.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace weir::query {
namespace {

/// Calls `visit(word, bits)` for the words that rows `begin` to before `end` are in.
template <class Visit> void each_word(std::size_t begin, std::size_t end, const Visit& visit) {
  while (begin < end) {
    const std::size_t bit = begin % 64;
    const std::size_t count = std::min<std::size_t>(64 - bit, end - begin);
    visit(begin / 64, (count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << bit);
    begin += count;
  }
}

// Each over arrays that lie apart, which a compiler cannot see of members.

void keep_words(std::size_t words, std::uint64_t* __restrict out, const std::uint64_t* __restrict others) noexcept {
  for (std::size_t w = 0; w < words; ++w)
    out[w] &= others[w];
}

/// As both() of Outcomes, 64 rows a word; either() is the same with true and false exchanged.
void combine(std::size_t words, std::uint64_t* __restrict fa, std::uint64_t* __restrict ua,
             std::uint64_t* __restrict ta, const std::uint64_t* __restrict fb, const std::uint64_t* __restrict ub,
             const std::uint64_t* __restrict tb) noexcept {
  for (std::size_t w = 0; w < words; ++w) {
    ua[w] = (ua[w] & (ub[w] | tb[w])) | (ub[w] & ta[w]);
    fa[w] |= fb[w];
    ta[w] &= tb[w];
  }
}

void add_certain(std::size_t words, std::uint64_t* __restrict out, const std::uint64_t* __restrict rows,
                 const std::uint64_t* __restrict is_false, const std::uint64_t* __restrict unknown) noexcept {
  for (std::size_t w = 0; w < words; ++w)
    out[w] |= rows[w] & ~(is_false[w] | unknown[w]);
}

/// Rows of `open` without a value are unknown, and others false unless they are true.
void decide(std::size_t words, const std::uint64_t* __restrict open, const std::uint64_t* __restrict values,
            const std::uint64_t* __restrict is_true, std::uint64_t* __restrict is_false,
            std::uint64_t* __restrict unknown) noexcept {
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t missing = open[w] & ~values[w];
    unknown[w] = missing;
    is_false[w] = ~(is_true[w] | missing);
  }
}

} // namespace

void RowBits::add(std::size_t begin, std::size_t end) noexcept {
  const auto all = words();
  if (begin == 0 && end == rows_) { // most often
    std::ranges::fill(all, ~std::uint64_t{0});
    if (rows_ % 64 != 0)
      all.back() >>= 64 - rows_ % 64;
    return;
  }
  each_word(begin, end, [all](std::size_t word, std::uint64_t bits) { all[word] |= bits; });
}

void RowBits::remove(std::size_t begin, std::size_t end) noexcept {
  each_word(begin, end, [all = words()](std::size_t word, std::uint64_t bits) { all[word] &= ~bits; });
}

void RowBits::keep(std::span<const std::uint64_t> others) noexcept {
  keep_words(words().size(), words().data(), others.data());
}

void RowBits::keep(std::span<const std::uint64_t> others, std::size_t first) noexcept {
  const std::size_t bit = first % 64;
  if (bit == 0)
    return keep(others.subspan(first / 64));
  const auto all = words();
  for (std::size_t w = 0, at = first / 64; w < all.size(); ++w, ++at)
    all[w] &= others[at] >> bit | (at + 1 < others.size() ? others[at + 1] << (64 - bit) : 0);
}

bool RowBits::contains(const RowBits& others) const noexcept {
  const auto all = words(), asked = others.words();
  std::uint64_t missing = 0;
  for (std::size_t w = 0; w < all.size(); ++w)
    missing |= asked[w] & ~all[w];
  return missing == 0;
}

bool RowBits::any() const noexcept {
  const auto all = words();
  std::size_t w = 0;
  for (; w + 4 <= all.size(); w += 4) // without a branch for each
    if ((all[w] | all[w + 1] | all[w + 2] | all[w + 3]) != 0)
      return true;
  return std::ranges::any_of(all.subspan(w), [](std::uint64_t word) { return word != 0; });
}

std::size_t RowBits::count() const noexcept {
  return static_cast<std::size_t>(count_bits(words()));
}

void OutcomeBits::fill(Outcomes outcomes) noexcept {
  const auto all = [](bool on) { return on ? ~std::uint64_t{0} : 0; };
  std::ranges::fill(may_be_false(), all(outcomes.may_be_false()));
  std::ranges::fill(may_be_unknown(), all(outcomes.may_be_unknown()));
  std::ranges::fill(may_be_true(), all(outcomes.may_be_true()));
}

void OutcomeBits::set(std::span<const std::uint64_t> rows, Outcomes outcomes) noexcept {
  const auto put = [rows](std::span<std::uint64_t> to, bool on) {
    for (std::size_t w = 0; w < to.size(); ++w)
      to[w] = on ? to[w] | rows[w] : to[w] & ~rows[w];
  };
  put(may_be_false(), outcomes.may_be_false());
  put(may_be_unknown(), outcomes.may_be_unknown());
  put(may_be_true(), outcomes.may_be_true());
}

void OutcomeBits::set(std::size_t row, Outcomes outcomes) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << (row % 64);
  const auto put = [&](std::uint64_t& word, bool on) { word = on ? word | bit : word & ~bit; };
  put(may_be_false()[row / 64], outcomes.may_be_false());
  put(may_be_unknown()[row / 64], outcomes.may_be_unknown());
  put(may_be_true()[row / 64], outcomes.may_be_true());
}

void OutcomeBits::set_marked(WordWindow window, std::span<const std::uint64_t> open,
                             std::span<const std::uint64_t> values, std::span<const std::uint64_t> null,
                             Outcomes of_absent, Outcomes of_null) noexcept {
  decide(window.count, window.of(open).data(), window.of(values).data(), window.of(may_be_true()).data(),
         window.of(may_be_false()).data(), window.of(may_be_unknown()).data());
  if (of_absent == Outcomes::unknown() && of_null == Outcomes::unknown())
    return; // most often
  WordArray<usual_zone_words> absent(words_);
  for (std::size_t w = window.first; w < window.behind(); ++w)
    absent.words()[w] = open[w] & ~(values[w] | null[w]);
  set(absent.words(), of_absent);
  set(null, of_null);
}

void OutcomeBits::decide_rest(WordWindow window) noexcept {
  std::ranges::fill(window.of(may_be_unknown()), 0);
  std::ranges::transform(window.of(may_be_true()), window.of(may_be_false()).begin(), std::bit_not<>());
}

Outcomes OutcomeBits::at(std::size_t row) const noexcept {
  const auto has = [row](std::span<const std::uint64_t> words) { return ((words[row / 64] >> (row % 64)) & 1u) != 0; };
  Outcomes outcomes;
  if (has(may_be_false()))
    outcomes = outcomes | Outcomes::never();
  if (has(may_be_unknown()))
    outcomes = outcomes | Outcomes::unknown();
  if (has(may_be_true()))
    outcomes = outcomes | Outcomes::always();
  return outcomes;
}

void OutcomeBits::combine_both(const OutcomeBits& other, WordWindow window) noexcept {
  const auto own = [&](std::span<std::uint64_t> part) { return window.of(part).data(); };
  const auto others = [&](std::span<const std::uint64_t> part) { return window.of(part).data(); };
  combine(window.count, own(may_be_false()), own(may_be_unknown()), own(may_be_true()), others(other.may_be_false()),
          others(other.may_be_unknown()), others(other.may_be_true()));
}

void OutcomeBits::combine_either(const OutcomeBits& other, WordWindow window) noexcept {
  const auto own = [&](std::span<std::uint64_t> part) { return window.of(part).data(); };
  const auto others = [&](std::span<const std::uint64_t> part) { return window.of(part).data(); };
  combine(window.count, own(may_be_true()), own(may_be_unknown()), own(may_be_false()), others(other.may_be_true()),
          others(other.may_be_unknown()), others(other.may_be_false()));
}

void OutcomeBits::keep_matches(RowBits& rows, RowBits& certain) const noexcept {
  rows.keep(may_be_true());
  add_certain(words_, certain.words().data(), rows.words().data(), may_be_false().data(), may_be_unknown().data());
}

void OutcomeBits::negate() noexcept {
  std::ranges::swap_ranges(may_be_false(), may_be_true());
  for (std::size_t w = 0; w < words_ && sabotaged(Sabotage::negated_unknown_is_true); ++w)
    may_be_true()[w] |= std::exchange(may_be_unknown()[w], 0);
}

} // namespace weir::query
