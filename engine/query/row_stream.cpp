#include "engine/query/row_stream.hpp"

#include "engine/query/compiled_query.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace weir::query {
namespace {

constexpr std::string_view position_name = "position";

} // namespace

Result<RowStream> RowStream::make(Query query, std::vector<ShardView> views, const RowStreamBounds& bounds, Run run,
                                  MayGoOn may_go_on) {
  const auto compiled = CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  RowStream stream(std::move(query), std::move(views), bounds, std::move(run), std::move(may_go_on));
  stream.columns_ = (*compiled)->columns;
  stream.in_passes_ = !stream.query_.is_grouped() && !stream.query_.is_sequence() && stream.query_.order.empty();
  stream.wanted_ = stream.query_.rows_max.value_or(std::numeric_limits<std::uint64_t>::max());
  stream.skip_ = stream.query_.rows_skipped;
  stream.columns_kept_ = stream.columns_.size();
  if (stream.in_passes_)
    stream.find_position();
  return stream;
}

/// Passes go on behind the last position, so each row must come with its own.
void RowStream::find_position() {
  if (query_.fields.empty())
    for (const std::string& name : columns_)
      query_.fields.push_back({name, {}});
  const auto found = std::find_if(query_.fields.begin(), query_.fields.end(),
                                  [](const ReturnedField& field) { return field.field == position_name; });
  position_ = static_cast<std::size_t>(found - query_.fields.begin());
  if (found != query_.fields.end())
    return;
  query_.fields.push_back({std::string(position_name), {}}); // no other column may have this name
}

Result<RowStream::Rows> RowStream::next() {
  if (!error_) {
    Status going = may_go_on_();
    if (going && given_ == rows_.size() && !at_end_)
      going = fill();
    if (!going)
      error_ = going.error();
  }
  if (at_end_ || error_)
    views_.clear();
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
  if (!in_passes_) {
    auto all = run_(query_, views_, std::nullopt);
    if (!all)
      return std::move(all).error();
    rows_ = std::move(all->rows);
    at_end_ = true;
    return {};
  }
  do {
    WEIR_TRY(run_pass());
  } while (rows_.empty() && !at_end_);
  return {};
}

Status RowStream::run_pass() {
  rows_.clear();
  given_ = 0;
  const std::uint64_t needed = wanted_ < std::numeric_limits<std::uint64_t>::max() - skip_
                                   ? wanted_ + skip_
                                   : std::numeric_limits<std::uint64_t>::max();
  if (wanted_ == 0) {
    at_end_ = true;
    return {};
  }
  const std::uint64_t asked = std::min(needed, bounds_.pass_rows_max);
  Query pass = query_;
  pass.rows_skipped = 0;
  pass.limit(asked);
  if (last_ != 0)
    pass.where(field(position_name) > Value(last_));
  auto found = run_(pass, views_, bounds_.pass_bytes_max);
  if (!found) {
    if (found.code() != Errc::too_large || bounds_.pass_rows_max == 1)
      return std::move(found).error();
    bounds_.pass_rows_max = std::max<std::uint64_t>(1, asked / 2); // wide rows: fewer of them
    return {};
  }
  at_end_ = found->rows.size() < asked || asked == needed;
  rows_ = std::move(found->rows);
  if (rows_.empty())
    return {};
  last_ = rows_.back()[position_].as_uint64().value_or(0);
  const std::uint64_t skipped = std::min<std::uint64_t>(skip_, rows_.size());
  skip_ -= skipped;
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(skipped));
  wanted_ -= std::min<std::uint64_t>(wanted_, rows_.size());
  for (std::vector<Value>& row : rows_)
    row.resize(columns_kept_);
  return {};
}

} // namespace weir::query
