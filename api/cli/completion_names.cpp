#include "api/cli/completion_names.hpp"

#include "engine/query/column_names.hpp"
#include <weir/json_value.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::cli {
namespace {

constexpr std::chrono::milliseconds count_timeout_ms{3'000};

bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote)
      out += c;
  }
  return out + quote;
}

/// A type or view as a statement spells it.
std::string name_text(std::string_view name) {
  const bool bare = std::all_of(name.begin(), name.end(),
                                [](char c) { return is_letter_or_digit(c) || c == '.' || c == '/' || c == '-'; });
  return bare ? std::string(name) : quoted(name, '\'');
}

/// SHOW takes two words for what it shows of the engine.
std::string view_text(std::string_view name) {
  const std::string small = query::lowered(name);
  return small == "stats" || small == "views" ? quoted(name, '\'') : name_text(name);
}

std::string step_text(std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), is_letter_or_digit);
  return bare ? std::string(key) : quoted(key, '"');
}

void add_paths(std::set<std::string>& fields, const std::string& path, const Json& value, std::size_t depth) {
  for (const auto& [key, member] : value.members()) {
    if (fields.size() >= NameCollector::fields_max)
      return;
    const std::string name = path + '.' + step_text(key);
    if (member.is_object() && depth < NameCollector::depth_max)
      add_paths(fields, name, member, depth + 1);
    else
      fields.insert(name);
  }
}

} // namespace

NameCollector::NameCollector()
    : fields_({"context_id", "event_type", "sequence", "position", "timestamp", "recorded_at", "event_id"}) {
}

void NameCollector::add_type(std::string_view event_type) {
  if (types_.size() < types_max)
    types_.insert(name_text(event_type));
}

void NameCollector::add_document(std::string_view root, std::string_view json) {
  if (json.empty() || fields_.size() >= fields_max)
    return;
  if (const auto document = Json::parse(json))
    add_paths(fields_, std::string(root), *document, 1);
}

CompletionNames NameCollector::names() const {
  return {{types_.begin(), types_.end()}, {fields_.begin(), fields_.end()}, {}};
}

CompletionNamesReader::CompletionNamesReader(const Engine& engine) : engine_(engine), thread_([this] { run(); }) {
}

CompletionNamesReader::~CompletionNamesReader() {
  *stopped_ = true;
  wait();
}

void CompletionNamesReader::wait() {
  if (thread_.joinable())
    thread_.join();
}

CompletionNames CompletionNamesReader::names() const {
  CompletionNames known;
  {
    const std::lock_guard lock(mutex_);
    known = names_;
  }
  for (const RememberedQuery& view : engine_.remembered())
    known.views.push_back(view_text(view.name));
  std::sort(known.views.begin(), known.views.end());
  return known;
}

void CompletionNamesReader::run() {
  NameCollector names;
  for (const SchemaVersion& version : engine_.schemas()) {
    names.add_type(version.schema.event_type);
    for (const SchemaField& field : version.schema.fields)
      names.add_document("payload", Json::object({{field.name, Json()}}).to_text());
  }
  sample(names);
  publish(names);
  count_types(names);
  publish(names);
}

void CompletionNamesReader::sample(NameCollector& names) const {
  SubscribeOptions last;
  last.backward = true;
  last.follow = false;
  last.limit = events_max;
  last.as_stored = true;
  last.batch_events_max = 64;
  auto events = engine_.subscribe(std::move(last));
  std::size_t bytes = 0;
  while (events && !*stopped_ && bytes < bytes_max) {
    const auto batch = events->next();
    if (!batch)
      return;
    for (const EventView& event : batch->events) {
      names.add_type(event.event_type);
      names.add_document("payload", event.payload);
      names.add_document("metadata", event.metadata);
    }
    bytes += batch->events.bytes();
    if (batch->ended)
      return;
  }
}

void CompletionNamesReader::count_types(NameCollector& names) const {
  QueryOptions options;
  options.timeout_ms = count_timeout_ms;
  options.cancel = stopped_;
  options.allow_partial = true;
  options.as_stored = true;
  const auto types = engine_.query("QUERY * COUNT BY event_type", options);
  if (!types)
    return;
  for (const auto& row : types->rows)
    if (const auto type = row.front().as_string())
      names.add_type(*type);
}

void CompletionNamesReader::publish(const NameCollector& names) {
  CompletionNames known = names.names();
  const std::lock_guard lock(mutex_);
  names_ = std::move(known);
}

} // namespace weir::cli
