#include "engine/event_queue/queue_filter.hpp"

#include "engine/limits.hpp"
#include "engine/query/compiled_query.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {

class QueueFilter::Where {
public:
  explicit Where(std::shared_ptr<const query::CompiledQuery> query) : query_(std::move(query)), row_(query_->fields) {}

  Result<bool> holds(const EventView& event) {
    row_.bind(event);
    if (const auto known = query_->predicate.evaluate(row_.values(), scratch_, false);
        known.is_true() || !known.may_be_true())
      return known.is_true();
    WEIR_TRY(row_.extract());
    return query_->predicate.evaluate(row_.values(), scratch_).is_true();
  }

private:
  std::shared_ptr<const query::CompiledQuery> query_;
  query::RowReader row_;
  query::Scratch scratch_;
};

QueueFilter::QueueFilter() = default;
QueueFilter::QueueFilter(QueueFilter&&) noexcept = default;
QueueFilter& QueueFilter::operator=(QueueFilter&&) noexcept = default;
QueueFilter::~QueueFilter() = default;

Result<QueueFilter> QueueFilter::make(const SubscribeOptions& options) {
  QueueFilter filter;
  filter.types_ = options.types;
  filter.prefix_ = options.context_prefix;
  if (options.from.kind() == QueueStart::Kind::time)
    (options.backward ? filter.before_ : filter.since_) = options.from.time();
  if (options.where) {
    auto compiled = query::CompiledQuery::make(Query::all_types().where(*options.where));
    if (!compiled)
      return std::move(compiled).error();
    filter.where_ = std::make_unique<Where>(*std::move(compiled));
  }
  return filter;
}

bool QueueFilter::passes_all() const noexcept {
  return types_.empty() && prefix_.empty() && !since_ && !before_ && !where_;
}

Result<bool> QueueFilter::passes(const EventView& event) {
  if (!event.context_id.starts_with(prefix_) || (since_ && event.recorded_at < *since_) ||
      (before_ && event.recorded_at >= *before_))
    return false;
  if (!types_.empty() && std::find(types_.begin(), types_.end(), event.event_type) == types_.end())
    return false;
  return where_ ? where_->holds(event) : Result<bool>(true);
}

Status SubscribeOptions::validate() const {
  const auto refuse = [](const char* field, std::uint64_t value, std::uint64_t max) {
    return fail(Errc::invalid_argument, format("{} is {}, allowed are 1 to {}", field, value, max), field);
  };
  if (batch_events_max == 0 || batch_events_max > 1'024)
    return refuse("batch_events_max", batch_events_max, 1'024);
  if (batch_bytes_max == 0 || batch_bytes_max > MiB)
    return refuse("batch_bytes_max", batch_bytes_max, MiB);
  if (context_prefix.size() > limits::context_id_bytes_max)
    return fail(Errc::invalid_argument,
                format("context_prefix has {} bytes, a context_id at most {}", context_prefix.size(),
                       limits::context_id_bytes_max),
                "context_prefix");
  return where ? Query::all_types().where(*where).validate() : Status{};
}

} // namespace weir
