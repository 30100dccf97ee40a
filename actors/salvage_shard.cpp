#include "actors/salvage_shard.hpp"

#include "engine/event_codec.hpp"
#include "engine/stub.hpp"

#include <weir/limits.hpp>

#include <algorithm>

namespace weir {

namespace {

constexpr std::size_t batch_events_max = 256;
constexpr std::size_t batch_bytes_max = 1 * MiB;

SalvagedEvent own(const EventView& view) {
  SalvagedEvent event;
  event.event_type = view.event_type;
  event.payload = view.payload;
  event.timestamp = view.timestamp;
  event.event_id = view.event_id;
  event.metadata = view.metadata;
  event.schema_version = view.schema_version;
  return event;
}

} // namespace

void ShardSalvage::add_segment(std::unique_ptr<segments::SegmentSalvage> segment, bool live) {
  Source source{std::move(segment), live};
  source.at_context = source.segment->next_context();
  source.at_mark = source.segment->next_mark();
  sources_.push_back(std::move(source));
}

Status ShardSalvage::add_record(std::string_view record) {
  std::vector<std::string_view> calls;
  WEIR_TRY(split_record(record, calls));
  for (const std::string_view call : calls)
    WEIR_TRY(add_call(call));
  return {};
}

Status ShardSalvage::add_call(std::string_view call) {
  auto reader = CallReader::open(call);
  if (!reader)
    return reader.error();
  if (const CallHeader& header = reader->header(); header.events == 0) {
    log_marks_[std::string(header.context_id)].join(
        {header.first_live, header.first_sequence - 1, header.closes, header.first_position, header.recorded_at});
    return {};
  }
  auto& events = log_[std::string(reader->header().context_id)];
  Sequence sequence = reader->header().first_sequence;
  EventView view;
  for (;; ++sequence) {
    const auto more = reader->next(view);
    if (!more)
      return more.error();
    if (!*more)
      return {};
    // A number that is in two calls was lost with the first and given again: the later call counts.
    events.insert_or_assign(sequence, own(view));
  }
}

Status ShardSalvage::run() {
  for (;;) {
    // The first context, in the order of their bytes, that is left anywhere.
    std::optional<std::string> next;
    const auto consider = [&next](std::string_view id) {
      if (!next || id < *next)
        next = std::string(id);
    };
    for (const Source& source : sources_) {
      if (source.at_context)
        consider(source.segment->context_id());
      if (source.at_mark)
        consider(source.segment->marked_context());
    }
    if (!log_.empty())
      consider(log_.begin()->first);
    if (!log_marks_.empty())
      consider(log_marks_.begin()->first);
    if (!next)
      return {};
    WEIR_TRY(run_context(*next));
  }
}

/// All that is known of what was removed. What is no longer live tells the truth here, too: marks are only joined.
ContextMark ShardSalvage::take_mark(const std::string& context_id) {
  ContextMark mark;
  for (Source& source : sources_)
    if (source.at_mark && source.segment->marked_context() == context_id) {
      mark.join(source.segment->mark());
      source.at_mark = source.segment->next_mark();
    }
  if (const auto node = log_marks_.extract(context_id); !node.empty())
    mark.join(node.mapped());
  return mark;
}

Status ShardSalvage::run_context(const std::string& context_id) {
  context_id_ = context_id;
  const ContextMark mark = take_mark(context_id);
  next_ = mark.first_live;
  here_.clear();
  for (Source& source : sources_)
    if (source.at_context && source.segment->context_id() == context_id)
      here_.push_back(&source);
  log_here_.clear();
  if (auto node = log_.extract(context_id); !node.empty())
    log_here_ = std::move(node.mapped());

  // Of segments that hold the same, because one was made of the others, the larger one comes first.
  std::stable_sort(here_.begin(), here_.end(), [](const Source* a, const Source* b) {
    return a->segment->first_sequence() != b->segment->first_sequence()
               ? a->segment->first_sequence() < b->segment->first_sequence()
               : a->segment->last_sequence() > b->segment->last_sequence();
  });
  const std::uint64_t events_before = sum_.events;
  for (const bool live : {true, false}) {
    for (Source* source : here_)
      if (source->live == live && source->segment->last_sequence() >= next_)
        WEIR_TRY(read(*source, std::max(next_, source->segment->first_sequence()), source->segment->last_sequence()));
    while (!log_here_.empty() && live) {
      auto first = log_here_.begin();
      if (first->first >= next_) {
        WEIR_TRY(fill_up_to(first->first));
        first = log_here_.begin();
      }
      auto node = log_here_.extract(first);
      if (node.key() >= next_)
        WEIR_TRY(take(node.key(), std::move(node.mapped())));
    }
  }
  Sequence last = 0;
  for (const Source* source : here_)
    if (source->live)
      last = std::max(last, source->segment->last_sequence());
  if (last >= next_)
    WEIR_TRY(fill_up_to(last + 1));
  WEIR_TRY(pass_on());
  if (sum_.events != events_before)
    ++sum_.contexts;
  if (mark.closed && sink_.closed)
    WEIR_TRY(sink_.closed(context_id));
  for (Source* source : here_)
    source->at_context = source->segment->next_context();
  return {};
}

Status ShardSalvage::read(Source& source, Sequence from, Sequence to) {
  return source.segment->read(from, to, [&](const EventView& event) -> Status {
    if (event.sequence < next_) // has come from elsewhere meanwhile
      return {};
    WEIR_TRY(fill_up_to(event.sequence));
    return take_row(event);
  });
}

Status ShardSalvage::fill_up_to(Sequence sequence) {
  if (filling_)
    return {};
  filling_ = true;
  while (next_ < sequence) {
    const Sequence wanted = next_;
    if (const auto logged = log_here_.find(wanted); logged != log_here_.end()) {
      auto node = log_here_.extract(logged);
      WEIR_TRY(take(wanted, std::move(node.mapped())));
      continue;
    }
    for (Source* source : here_) {
      if (next_ != wanted)
        break;
      if (source->segment->first_sequence() <= wanted && source->segment->last_sequence() >= wanted)
        WEIR_TRY(source->segment->read(wanted, wanted, [&](const EventView& event) { return take_row(event); }));
    }
    if (next_ != wanted)
      continue;
    // Nowhere: neither are those up to the next that anything is known of.
    Sequence end = sequence;
    if (const auto logged = log_here_.upper_bound(wanted); logged != log_here_.end())
      end = std::min(end, logged->first);
    for (const Source* source : here_) {
      if (source->segment->first_sequence() > wanted)
        end = std::min(end, source->segment->first_sequence());
      else if (source->segment->last_sequence() >= wanted)
        end = std::min(end, wanted + 1);
    }
    WEIR_TRY(pass_on());
    if (missing_first_ == 0)
      missing_first_ = wanted;
    missing_last_ = end - 1;
    sum_.events_missing += end - wanted;
    next_ = end;
  }
  report_missing();
  filling_ = false;
  return {};
}

void ShardSalvage::report_missing() {
  if (missing_first_ != 0)
    sink_.missing(context_id_, missing_first_, missing_last_);
  missing_first_ = 0;
}

Status ShardSalvage::take_row(const EventView& event) {
  if (!is_stub(event))
    return take(event.sequence, own(event));
  report_missing(); // it was removed, though the mark that says so may be lost
  next_ = event.sequence + 1;
  return {};
}

Status ShardSalvage::take(Sequence sequence, SalvagedEvent event) {
  report_missing();
  next_ = sequence + 1;
  ++sum_.events;
  batch_bytes_ += event.payload.size() + event.metadata.size() + event.event_type.size() + event.event_id.size();
  batch_.push_back(std::move(event));
  return batch_.size() >= batch_events_max || batch_bytes_ >= batch_bytes_max ? pass_on() : Status();
}

Status ShardSalvage::pass_on() {
  if (batch_.empty())
    return {};
  batch_bytes_ = 0;
  return sink_.store(context_id_, std::exchange(batch_, {}));
}

} // namespace weir
