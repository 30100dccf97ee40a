#include "api/cli/importer.hpp"

#include "actors/engine_core.hpp"
#include "engine/text.hpp"

namespace weir::cli {

bool concerns_the_event(Errc code) noexcept {
  switch (code) {
  case Errc::invalid_argument:
  case Errc::too_large:
  case Errc::sequence_conflict:
  case Errc::event_id_conflict:
  case Errc::condition_failed:
  case Errc::context_deleted:
  case Errc::schema_violation: return true;
  default: return false;
  }
}

Importer::Importer(Engine& engine, Console& console, std::string source, OnError on_error, LineOptions line_options,
                   Handlers handlers)
    : engine_(engine), console_(console), source_(std::move(source)), on_error_(on_error),
      line_options_(std::move(line_options)), handlers_(std::move(handlers)) {
}

Status Importer::run(LineReader& lines) {
  {
    StoreWindow window({.answered = [this](const auto& call, const auto& answer) { take(call, answer); },
                        .idle = [this] { end_with(handlers_.idle()); }});
    while (!ended_) {
      handlers_.progress(stored_);
      const auto line = lines.next();
      if (!line) {
        end_with(line.error());
        break;
      }
      if (!line->has_value())
        break;
      end_with(send(**line, window));
    }
  } // The window waits for every answer.
  const std::lock_guard lock(mutex_);
  return end_;
}

Status Importer::send(const Line& line, StoreWindow& window) {
  if (line.too_long)
    return refuse(line.number, fail(Errc::too_large, format("the line is longer than {} MiB",
                                                            LineReader::line_bytes_default_max / MiB)));
  if (json::trim(line.text).empty())
    return {};
  auto event = parse(line.text);
  if (!event)
    return refuse(line.number, event.error());
  // The engine checks again; but by then lines behind a bad one would be on their way.
  const std::span<Event> call(&*event, 1);
  if (const auto valid = engine_.core()->check_call(event->context_id, call); !valid)
    return refuse(line.number, valid.error());

  const std::uint64_t bytes = line.text.size();
  window.wait_for_room(bytes);
  if (ended_)
    return {};
  std::string context_id = event->context_id;
  window.add({line.number, bytes, std::move(context_id), engine_.store_async(*std::move(event))});
  return {};
}

namespace {

Status take_event_id(std::string_view line, const json::Path& path, Event& event) {
  std::vector<json::Scalar> found;
  WEIR_TRY(json::find_paths(line, std::span(&path, 1), found));
  if (const auto* text = std::get_if<std::string>(&found.front()); text != nullptr && !text->empty())
    event.event_id = *text;
  else if (const auto* number = std::get_if<std::int64_t>(&found.front()))
    event.event_id = format("{}", *number);
  else if (const auto* large = std::get_if<std::uint64_t>(&found.front()))
    event.event_id = format("{}", *large);
  else
    return fail(Errc::invalid_argument, "the field for the event's id holds no string and no integer, or is missing");
  return {};
}

} // namespace

Result<Event> Importer::parse(std::string_view line) {
  if (!cloud_events_)
    cloud_events_ = json::is_cloud_event(line);
  auto event = *cloud_events_ ? json::parse_cloud_event(line) : json::parse_event_line(line);
  if (event && !line_options_.event_id_field.empty())
    if (const Status taken = take_event_id(line, line_options_.event_id_field, *event); !taken)
      return taken.error();
  return event;
}

void Importer::take(const StoreWindow::Call& call, const Result<Receipt>& answer) {
  if (answer) {
    ++stored_;
    duplicates_ += answer->duplicate ? 1 : 0;
    end_with(handlers_.acknowledged(call.line, call.context_id, *answer));
  } else if (concerns_the_event(answer.code())) {
    end_with(refuse(call.line, answer.error()));
  } else {
    end_with(line_error(call.line, answer.error()));
  }
}

Status Importer::refuse(std::uint64_t line, const Error& why) {
  const Error error = line_error(line, why);
  if (on_error_ == OnError::stop)
    return error;
  console_.error(error);
  ++skipped_;
  return {};
}

void Importer::end_with(Status status) {
  if (status)
    return;
  const std::lock_guard lock(mutex_);
  if (end_)
    end_ = std::move(status);
  ended_ = true;
}

Error Importer::line_error(std::uint64_t line, const Error& why) const {
  std::string_view message = why.message;
  if (constexpr std::string_view prefix = "event line: "; message.starts_with(prefix))
    message.remove_prefix(prefix.size());
  return fail(why.code, format("line {}: {}", line, message),
              why.where.empty() ? source_ : format("{}, {}", source_, why.where));
}

} // namespace weir::cli
