#include "segments/compaction.hpp"

#include "engine/content_hash.hpp"
#include "engine/hash.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>

namespace weir::segments {
namespace {

// About a millisecond of work, whether events are small or large.
constexpr std::uint64_t events_between_looks = 4'096;
constexpr std::uint64_t bytes_between_looks = 4 * MiB;

} // namespace

void EventSum::enter_context(std::string_view context_id) noexcept {
  context_hash_ = hash64(context_id, 0);
}

void EventSum::add(const EventView& event) noexcept {
  // Each text is hashed by itself, so that a byte that moves from one field to the next is seen.
  const std::uint64_t words[] = {context_hash_,
                                 event.sequence,
                                 event.position,
                                 micros_of(event.recorded_at),
                                 micros_of(event.timestamp),
                                 hash64(event.event_type, 0),
                                 hash64(event.event_id, 0),
                                 hash64(event.metadata, 0),
                                 hash64(event.payload, 0),
                                 event.schema_version};
  sum_ += hash64(words, sizeof words, 0);
  ++events_;
}

Status Looks::before(const EventView& event) {
  const std::uint64_t bytes = event.payload.size() + event.metadata.size();
  if (events_left_ == 0 || bytes_left_ < bytes) {
    WEIR_TRY(may_go_on_());
    events_left_ = events_between_looks;
    bytes_left_ = std::max(bytes, bytes_between_looks);
  }
  --events_left_;
  bytes_left_ -= bytes;
  return {};
}

MergedEvents::MergedEvents(std::vector<std::unique_ptr<SegmentWalk>> inputs, const MayGoOn& may_go_on,
                           RemovedEvents removed)
    : all_(std::move(inputs)), looks_(may_go_on), removed_(std::move(removed)) {
  for (const auto& input : all_) {
    inputs_.push_back(input.get());
    if (input->has_marks() && !sabotaged(Sabotage::lose_marks_in_merge))
      marks_.push_back({input->marks()});
  }
}

bool MergedEvents::stop(Status why) {
  status_ = std::move(why);
  return false;
}

bool MergedEvents::choose_context() {
  // All holders of the last context move on; who has no other leaves.
  const auto exhausted = [this](SegmentWalk* input) {
    const bool moves = !begun_ || std::find(holders_.begin(), holders_.end(), input) != holders_.end();
    if (!moves || !status_)
      return false;
    const auto moved = input->next_context();
    if (!moved)
      status_ = moved.error();
    return moved && !*moved;
  };
  inputs_.erase(std::remove_if(inputs_.begin(), inputs_.end(), exhausted), inputs_.end());
  begun_ = true;
  holders_.clear();
  holder_ = 0;
  if (!status_ || inputs_.empty())
    return false;
  const auto first = std::min_element(inputs_.begin(), inputs_.end(),
                                      [](const auto& a, const auto& b) { return a->context_id() < b->context_id(); });
  const std::string_view context_id = (*first)->context_id();
  for (SegmentWalk* const input : inputs_)
    if (input->context_id() == context_id)
      holders_.push_back(input);
  sum_.enter_context(context_id);
  mark_ = removed_.mark ? removed_.mark(context_id) : std::nullopt;
  kept_ = mark_ && !mark_->closed && removed_.older_rows && removed_.older_rows(context_id);
  return true;
}

bool MergedEvents::drops(const SegmentWalk& holder, EventView& event) {
  if (!mark_ || event.sequence >= mark_->first_live + (sabotaged(Sabotage::drop_one_too_many) ? 1 : 0)) {
    kept_ = true;
    return false;
  }
  if (explaining_.empty() || explaining_.back().first != event.context_id)
    explaining_.emplace_back(event.context_id, *mark_);
  dropped_.payload_bytes += live_payload_bytes(event);
  // A call with ids is known again by all its events, so in a segment with ids each of them may be asked for.
  if (mark_->closed || (!kept_ && (!holder.has_event_ids() || sabotaged(Sabotage::forget_removed_ids)))) {
    ++dropped_.events;
    return true;
  }
  kept_ = true;
  if (!is_stub(event))
    stub_ = stub_of(sabotaged(Sabotage::forget_removed_content) ? Hash128{} : content_hash(event, scratch_));
  else
    std::copy(event.payload.begin(), event.payload.end(), stub_.begin());
  event.payload = {stub_.data(), stub_.size()};
  event.metadata = {};
  return false;
}

bool MergedEvents::next(EventView& event) {
  do {
    while (holder_ < holders_.size() && holders_[holder_]->rows_left() == 0)
      ++holder_;
    if (holder_ == holders_.size() && !choose_context())
      return false;
    if (Status read = holders_[holder_]->next_row(event); !read)
      return stop(std::move(read));
    if (Status going = looks_.before(event); !going)
      return stop(std::move(going));
  } while (drops(*holders_[holder_], event));
  if (sabotaged(Sabotage::merge_drops_row) && event.sequence == 2)
    return next(event);
  sum_.add(event);
  return true;
}

/// Moves on; false at the end, and at an error.
bool MergedEvents::advance(Marks& marks) {
  const auto moved = marks.walk.next();
  marks.begun = true;
  marks.ended = !moved || !*moved;
  return moved ? true : stop(moved.error());
}

bool MergedEvents::next_mark(std::string_view& context_id, ContextMark& mark) {
  const std::string* first = explained_ == explaining_.size() ? nullptr : &explaining_[explained_].first;
  for (Marks& each : marks_) {
    if (!each.begun && !advance(each))
      return false;
    if (!each.ended && (first == nullptr || each.walk.context_id() < *first))
      first = &each.walk.context_id();
  }
  if (first == nullptr)
    return false;
  marked_ = *first;
  context_id = marked_;
  mark = {};
  if (explained_ != explaining_.size() && explaining_[explained_].first == marked_)
    mark = explaining_[explained_++].second;
  for (Marks& each : marks_) {
    if (each.ended || each.walk.context_id() != marked_)
      continue;
    mark.join(each.walk.mark());
    if (!advance(each))
      return false;
  }
  mark_sum_.add(marked_, mark);
  return true;
}

Result<MarkSum> marks_of(const SegmentWalk& segment) {
  MarkSum sum;
  MarkWalk marks = segment.marks();
  auto moved = marks.next();
  for (; moved && *moved; moved = marks.next())
    sum.add(marks.context_id(), marks.mark());
  return moved ? Result<MarkSum>(sum) : Result<MarkSum>(moved.error());
}

Result<EventSum> sum_of(SegmentWalk& segment, const MayGoOn& may_go_on) {
  EventSum sum;
  EventView event;
  Looks looks(may_go_on);
  while (true) {
    auto moved = segment.next_context();
    if (!moved)
      return std::move(moved).error();
    if (!*moved)
      return sum;
    sum.enter_context(segment.context_id());
    while (segment.rows_left() != 0) {
      WEIR_TRY(segment.next_row(event));
      WEIR_TRY(looks.before(event));
      sum.add(event);
    }
  }
}

} // namespace weir::segments
