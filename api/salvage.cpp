#include <weir/salvage.hpp>

#include "actors/engine_core.hpp"
#include "actors/salvage.hpp"
#include "engine/guarded_call.hpp"
#include "engine/io/posix_file_system.hpp"

#include <weir/engine.hpp>
#include <weir/limits.hpp>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>

namespace weir {

namespace {

/// The new directory: stores a few calls at a time, and notices if one failed.
class Copy {
public:
  Status open(const std::string& directory, std::uint32_t shards) {
    EngineOptions options;
    options.shards = shards;
    options.payload_bytes_max = limits::payload_bytes_max; // whatever the source allowed
    options.durability = Durability::written;              // all is synced at the end, or worthless
    auto engine = Engine::open(directory, options);
    if (!engine)
      return std::move(engine).error();
    engine_.emplace(std::move(*engine));
    return {};
  }

  /// As they were stored: under the schema versions they have, not judged again by what is defined last.
  Status store(std::string_view context_id, std::vector<SalvagedEvent> salvaged) {
    std::vector<Event> events;
    std::vector<std::uint32_t> schema_versions;
    for (SalvagedEvent& event : salvaged) {
      schema_versions.push_back(event.schema_version);
      events.push_back(std::move(event));
    }
    auto command = engine_->core()->make_command(context_id, events, std::nullopt, Expectation::any(), std::nullopt,
                                                 schema_versions);
    if (!command)
      return std::move(command).error();
    std::promise<Result<Receipt>> stored;
    tickets_.push_back(stored.get_future());
    (*command)->done = Completion(
        [stored = std::move(stored)](Result<Receipt> result) mutable { stored.set_value(std::move(result)); });
    engine_->core()->submit(std::move(*command), WhenFull::park);
    return tickets_.size() < tickets_max ? Status() : wait_for_oldest();
  }

  Status define(const SchemaRecord& record) {
    while (!tickets_.empty())
      WEIR_TRY(wait_for_oldest());
    auto schema = parse_schema(record.definition);
    if (!schema)
      return std::move(schema).error();
    std::promise<Status> defined;
    // A version that only an upcaster made possible is copied without one.
    engine_->core()->define_schema(std::move(*schema), schema::MayBreak::yes, [&](Result<std::uint32_t> version) {
      defined.set_value(version ? Status() : Status(version.error()));
    });
    return defined.get_future().get();
  }

  Status retain(const std::vector<RetentionRule>& rules) {
    return rules.empty() ? Status() : engine_->set_retention(rules);
  }

  Status remember(const std::string& name, const Query& query) { return engine_->remember(name, query); }

  Status close_context(std::string_view context_id) {
    const auto removed = engine_->delete_context(context_id, Deletion::hard);
    return removed ? Status() : Status(removed.error());
  }

  Status finish() {
    while (!tickets_.empty())
      WEIR_TRY(wait_for_oldest());
    WEIR_TRY(engine_->flush());
    return engine_->close();
  }

private:
  static constexpr std::size_t tickets_max = 32;

  Status wait_for_oldest() {
    const auto receipt = tickets_.front().get();
    tickets_.pop_front();
    return receipt ? Status() : Status(receipt.error());
  }

  std::optional<Engine> engine_;
  std::deque<std::future<Result<Receipt>>> tickets_;
};

Status check_destination(const std::string& source, const std::string& destination) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(fs::symlink_status(destination, error)) &&
      !(fs::is_directory(destination, error) && fs::is_empty(destination, error)))
    return fail(Errc::invalid_argument, "the destination must not exist, or be an empty directory", destination);
  const fs::path from = fs::weakly_canonical(source, error), to = fs::weakly_canonical(destination, error);
  if (std::mismatch(from.begin(), from.end(), to.begin(), to.end()).first == from.end())
    return fail(Errc::invalid_argument, "the destination must not lie in the source, which stays as it is",
                destination);
  return {};
}

} // namespace

Result<SalvageReport> salvage_directory(const std::string& source, const std::string& destination,
                                        const SalvageListener& listener) {
  auto fs = io::open_posix_file_system(source, false);
  if (!fs)
    return std::move(fs).error();
  WEIR_TRY(check_destination(source, destination));
  const auto lock = (*fs)->lock("LOCK");
  if (lock.code() == Errc::locked) // other errors: a disk that can only be read is no reason to give up
    return lock.error();

  Copy copy;
  std::uint64_t saved = 0;
  Status told;
  const auto tell = [&told](std::string_view what, const auto& function, const auto&... news) {
    if (told)
      told = guarded_tell(what, function, news...);
  };
  SalvageSink sink;
  sink.begin = [&](std::uint32_t shards) { return copy.open(destination, shards); };
  sink.store = [&](std::string_view context_id, std::vector<SalvagedEvent> events) -> Status {
    WEIR_TRY(told);
    saved += events.size();
    WEIR_TRY(copy.store(context_id, std::move(events)));
    tell(progress_function, listener.progress, saved);
    return told;
  };
  sink.schema = [&](const SchemaRecord& schema) { return copy.define(schema); };
  sink.retention = [&](const std::vector<RetentionRule>& rules) { return copy.retain(rules); };
  sink.view = [&](const std::string& name, const Query& query) { return copy.remember(name, query); };
  sink.damaged = [&](const Error& error) { tell("the function given for damage", listener.damaged, error); };
  sink.missing = [&](std::string_view context_id, Sequence first, Sequence last) {
    tell("the function given for missing events", listener.missing, context_id, first, last);
  };
  sink.closed = [&](std::string_view context_id) { return copy.close_context(context_id); };
  const auto sum = salvage_files(**fs, sink);
  if (!sum)
    return sum.error();
  WEIR_TRY(told);
  WEIR_TRY(copy.finish());
  return SalvageReport{sum->contexts, sum->events, sum->events_missing, sum->damaged_places, sum->more_may_be_missing};
}

} // namespace weir
