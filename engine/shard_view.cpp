#include "engine/shard_view.hpp"

#include "engine/text.hpp"

namespace weir {

namespace {

/// What one source knows, from the context's rows and its mark in it. The newest source that knows anything is right:
/// rows behind the last mark are live, and nothing comes behind one that closes.
std::optional<ContextHead> head_of(const std::optional<ContextRange>& rows, const std::optional<ContextMark>& mark) {
  if (!rows && !mark)
    return std::nullopt;
  const Sequence last = rows ? rows->last_sequence : 0;
  return mark ? ContextHead(last, *mark) : ContextHead(last);
}

} // namespace

std::optional<ContextHead> context_head(const MemtableView& memtable, std::string_view context_id) {
  return head_of(memtable.find_context(context_id), memtable.find_mark(context_id));
}

Result<ContextHead> context_head(const ShardView& view, std::string_view context_id) {
  for (auto memtable = view.memtables.rbegin(); memtable != view.memtables.rend(); ++memtable)
    if (const auto head = context_head(*memtable, context_id))
      return *head;
  for (auto segment = view.segments->rbegin(); segment != view.segments->rend(); ++segment) {
    const auto rows = (*segment)->find_context(context_id);
    if (!rows)
      return rows.error();
    const auto mark = (*segment)->find_mark(context_id);
    if (!mark)
      return mark.error();
    if (const auto head = head_of(*rows, *mark))
      return *head;
  }
  return ContextHead{};
}

Result<ContextMark> find_mark(const ShardView& view, std::string_view context_id) {
  ContextMark joined;
  for (const MemtableView& memtable : view.memtables)
    if (const auto mark = memtable.find_mark(context_id))
      joined.join(*mark);
  for (const auto& segment : *view.segments) {
    const auto mark = segment->find_mark(context_id);
    if (!mark)
      return mark.error();
    if (*mark)
      joined.join(**mark);
  }
  return joined;
}

Result<Sequence> last_sequence(const ShardView& view, std::string_view context_id) {
  const auto head = context_head(view, context_id);
  return head ? Result<Sequence>(head->last) : Result<Sequence>(head.error());
}

namespace {

// Checks that what a source appended continues the batch without a hole: a segment that lost rows, or one that is
// missing from the view, must never look like a shorter context.
Status check_dense(const EventBatch& batch, std::size_t checked, bool backward, Sequence expected) {
  const EventView* const end = batch.end();
  for (const EventView* event = batch.begin() + checked; event != end; ++event) {
    if (expected != 0 && event->sequence != expected)
      return fail(
          Errc::corruption,
          format("context {} goes on with sequence {} where {} is due", event->context_id, event->sequence, expected),
          std::string(event->context_id));
    expected = backward ? event->sequence - 1 : event->sequence + 1;
  }
  return {};
}

bool full(const EventBatch& batch, const ReadBounds& bounds) {
  return batch.size() >= bounds.events_max || (!batch.empty() && batch.bytes() >= bounds.bytes_max);
}

} // namespace

Result<bool> read_context(const ShardView& view, std::string_view context_id, const SequenceRange& range,
                          const ReadBounds& bounds, EventBatch& out) {
  SequenceRange rest = range;
  const std::size_t sources = view.segments->size() + view.memtables.size();
  Sequence expected = range.backward ? 0 : range.from;
  for (std::size_t i = 0; i < sources; ++i) {
    if (rest.from > rest.to)
      return false;
    if (full(out, bounds))
      return true;
    const std::size_t source = range.backward ? sources - 1 - i : i;
    const std::size_t before = out.size();
    bool more = false;
    if (source < view.segments->size()) {
      const auto read = (*view.segments)[source]->read_context(context_id, rest, bounds, out);
      if (!read)
        return read.error();
      more = *read;
    } else {
      more = view.memtables[source - view.segments->size()].read_context(context_id, rest, bounds, out);
    }
    if (out.size() > before) {
      WEIR_TRY(check_dense(out, before, range.backward, expected));
      const Sequence last = out.back().sequence;
      if (range.backward) {
        if (last == 1)
          return false;
        rest.to = expected = last - 1;
      } else {
        rest.from = expected = last + 1;
      }
    }
    if (more)
      return true;
  }
  // Going back, the oldest source must have reached the start of the range.
  if (range.backward && expected != 0 && rest.to >= rest.from)
    return fail(Errc::corruption, format("context {} ends before sequence {}", context_id, expected),
                std::string(context_id));
  return false;
}

} // namespace weir
