#include "trust/kills/handler_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/speech.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

void HandlerTotals::add(const HandlerTotals& other) noexcept {
  rows += other.rows;
  applied += other.applied;
  undone += other.undone;
  cut += other.cut;
  kept += other.kept;
  looks += other.looks;
}

bool HandlerOracle::take(std::string_view word, std::string_view line) {
  if (word == "handles") {
    if (const Position at = number(line); at != applied_)
      complain_(format("the handler was to go on at {}, and goes on at {}", applied_, at));
  } else if (word == "undoes") {
    ++totals_.undone; // whether it lives or dies in it, nothing of it may be there
  } else if (word == "applies") {
    applying_ = number(line);
  } else if (word == "applied") {
    if (applying_ != number(line))
      complain_("a batch was answered that was not asked for");
    applied_ = number(line);
    applying_.reset();
    ++totals_.applied;
  } else if (word == "handled_all") {
    handled_all_ = true;
  } else {
    return false;
  }
  return true;
}

void HandlerOracle::found(const std::vector<Row>& rows, Position at) {
  ++totals_.looks;
  if (const auto cut = std::exchange(applying_, std::nullopt)) {
    ++totals_.cut;
    totals_.kept += at == *cut ? 1 : 0;
    applied_ = at == *cut ? at : applied_;
  }
  if (at != applied_)
    complain_(format("the handler had applied what is before {}, and its database says {}", applied_, at));
  if (rows.size() < rows_.size() || !std::equal(rows_.begin(), rows_.end(), rows.begin()))
    complain_(format("the handler's {} rows are not those that there were before", rows_.size()));
  // Rows of a batch and its position come at once, so those that came since lie between both positions.
  Position least = looked_at_;
  for (std::size_t i = rows_.size(); i < rows.size(); ++i) {
    const Position position = rows[i].position;
    if (position < least || position >= at)
      complain_(
          format("the handler has a row of the event at position {} behind one before {}, and has applied what is "
                 "before {}",
                 position, least, at));
    least = position + 1;
  }
  looked_at_ = at;
  rows_ = rows;
  compared_ = std::min(compared_, rows_.size());
  if (std::exchange(handled_all_, false)) {
    compare();
    if (!stored_.empty() && at <= stored_.rbegin()->first)
      complain_(format("the handler says that it has handled all before {}, and there is an event at {}", at,
                       stored_.rbegin()->first));
  }
}

void HandlerOracle::compare() {
  auto row = rows_.begin() + static_cast<std::ptrdiff_t>(compared_);
  auto event = stored_.lower_bound(compared_to_);
  const auto end = stored_.lower_bound(applied_);
  for (; row != rows_.end() && event != end && *row == event->second; ++row, ++event)
    ++totals_.rows;
  // The rest shows nothing more.
  if (event != end && (row == rows_.end() || row->position > event->first))
    complain_(format("the handler has no row of the event at position {}, and has applied what is before {}",
                     event->first, applied_));
  else if (row != rows_.end() && (event == end || row->position < event->first))
    complain_(format("the handler has a row of an event at position {}, and there is none", row->position));
  else if (row != rows_.end())
    complain_(format("the handler has a row of another event than the one at position {}", row->position));
  compared_ = rows_.size();
  compared_to_ = std::max(compared_to_, applied_);
}

void HandlerOracle::dumped(const std::function<bool(Position)>& in_log, const SegmentsUpTo& segments_up_to) const {
  for (std::size_t i = compared_; i < rows_.size(); ++i)
    if (const Row& row = rows_[i]; row.position > segments_up_to(row.context) && !in_log(row.position))
      complain_(format("the handler has a row of an event at position {}, which is in no segment and, the dumper says, "
                       "not in the log",
                       row.position));
}

} // namespace weir::trust
