#include "engine/query/row_stream.hpp"

#include "engine/query/compiled_query.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace weir::query {
namespace {

constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

} // namespace

Result<RowStream> RowStream::make(Query query, Views views, const RowStreamBounds& bounds, Source source) {
  const auto compiled = CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  RowStream stream(std::move(query), std::move(views), bounds, std::move(source));
  stream.columns_ = (*compiled)->columns;
  stream.in_passes_ = !stream.query_.is_grouped() && !stream.query_.is_sequence() && stream.query_.order.empty();
  stream.wanted_ = stream.query_.rows_max.value_or(unbounded);
  stream.skip_ = stream.query_.rows_skipped;
  if (stream.in_passes_)
    stream.query_.rows_skipped = 0;
  return stream;
}

Result<RowStream::Rows> RowStream::next() {
  if (!error_) {
    Status going = source_.may_go_on();
    if (going && given_ == rows_.size() && !at_end_)
      going = fill();
    if (!going)
      error_ = going.error();
  }
  if (at_end_ || error_)
    pin_->release();
  if (error_) {
    rows_.clear();
    return *error_;
  }
  return take_batch();
}

RowStream::Rows RowStream::take_batch() {
  const std::size_t end =
      given_ + static_cast<std::size_t>(std::min<std::uint64_t>(rows_.size() - given_, bounds_.batch_rows_max));
  const auto at = [this](std::size_t i) { return rows_.begin() + static_cast<std::ptrdiff_t>(i); };
  Rows batch(std::make_move_iterator(at(given_)), std::make_move_iterator(at(end)));
  given_ = end;
  return batch;
}

Status RowStream::fill() {
  const auto views = pin_->views();
  if (!views)
    return fail(Errc::deadline_exceeded, "the stream did not end before its deadline");
  if (!in_passes_) {
    auto all = source_.run(query_, *views);
    if (!all)
      return std::move(all).error();
    rows_ = std::move(all->rows);
    at_end_ = true;
    return {};
  }
  do {
    WEIR_TRY(run_pass(*views));
  } while (rows_.empty() && !at_end_);
  return {};
}

Status RowStream::run_pass(const Views& views) {
  rows_.clear();
  given_ = 0;
  if (wanted_ == 0) {
    at_end_ = true;
    return {};
  }
  const std::uint64_t needed = wanted_ < unbounded - skip_ ? wanted_ + skip_ : unbounded;
  const std::uint64_t asked = std::min({needed, pass_rows_, bounds_.pass_rows_max});
  query_.limit(asked);
  auto found = source_.pass(query_, views, PositionWindow{next_}, bounds_.pass_bytes_max);
  if (!found) {
    if (found.code() != Errc::too_large || asked == 1)
      return std::move(found).error();
    pass_rows_ = std::max<std::uint64_t>(1, asked / 2); // wide rows: fewer of them
    return {};
  }
  std::vector<ResultRow>& rows = found->rows;
  at_end_ = rows.size() < asked || asked == needed;
  if (rows.empty())
    return {};
  fit_passes(asked, found->bytes);
  next_ = rows.back().position + 1;
  const std::uint64_t skipped = std::min<std::uint64_t>(skip_, rows.size());
  skip_ -= skipped;
  wanted_ -= std::min<std::uint64_t>(wanted_, rows.size() - skipped);
  rows_.reserve(rows.size() - static_cast<std::size_t>(skipped));
  for (auto row = rows.begin() + static_cast<std::ptrdiff_t>(skipped); row != rows.end(); ++row)
    rows_.push_back(std::move(row->cells));
  return {};
}

/// A pass over few rows reads as many zones as one over many.
void RowStream::fit_passes(std::uint64_t asked, std::uint64_t bytes) {
  if (asked == pass_rows_ && bytes < bounds_.pass_bytes_max / 2)
    pass_rows_ = std::min(2 * std::min(pass_rows_, unbounded / 2), bounds_.pass_rows_max);
}

} // namespace weir::query
