#include <weir/execute.hpp>

#include "engine/text.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace weir {
namespace {

using Explain = QueryStatement::Explain;

/// One row, or the columns of many.
QueryResult table(std::vector<std::string> columns, std::vector<std::vector<Value>> rows) {
  QueryResult result;
  result.columns = std::move(columns);
  result.rows = std::move(rows);
  return result;
}

std::vector<Value> event_row(const EventView& event) {
  const auto text = [](std::string_view value) { return value.empty() ? Value() : Value(value); };
  const auto json = [](std::string_view value) {
    return value.empty() ? Value() : Value(JsonText{std::string(value)});
  };
  return {event.context_id,  event.event_type,     event.sequence,       event.position,     event.timestamp,
          event.recorded_at, text(event.event_id), json(event.metadata), json(event.payload)};
}

Error too_many(const char* what, std::uint64_t max, const std::string& context_id) {
  return fail(Errc::too_large,
              format("the answer would have more than {} {}; ask for fewer with LIMIT, FROM or TO", max, what),
              context_id);
}

/// Carries out one statement of each kind.
class Executor {
public:
  Executor(Engine& engine, const ExecuteOptions& options) : engine_(engine), options_(options) {}

  Result<Executed> operator()(const QueryStatement& statement) const {
    Executed executed;
    const Explain explain = std::max(options_.explain, statement.explain);
    executed.explained = explain != Explain::none;
    if (explain == Explain::plan) {
      auto lines = engine_.explain(statement.query, options_.query);
      if (!lines)
        return std::move(lines).error();
      executed.result.explain = *std::move(lines);
      return executed;
    }
    auto result = engine_.query(statement.query, options_.query);
    if (!result)
      return std::move(result).error();
    executed.result = *std::move(result);
    if (explain == Explain::none) {
      executed.query = statement.query;
    } else {
      executed.result.columns.clear();
      executed.result.rows.clear();
    }
    return executed;
  }

  Result<Executed> operator()(const StoreStatement& statement) const {
    const auto receipt = engine_.store(Event{.context_id = statement.context_id,
                                             .event_type = statement.event_type,
                                             .payload = statement.payload,
                                             .timestamp = statement.timestamp,
                                             .event_id = statement.event_id,
                                             .metadata = statement.metadata});
    if (!receipt)
      return receipt.error();
    Executed executed;
    executed.result = table({"context_id", "sequence", "position", "durability", "duplicate"},
                            {{statement.context_id, receipt->sequence, receipt->position,
                              to_string(receipt->durability), receipt->duplicate}});
    return executed;
  }

  Result<Executed> operator()(const ReplayStatement& statement) const {
    Executed executed;
    executed.result = table({"context_id", "event_type", "sequence", "position", "timestamp", "recorded_at", "event_id",
                             "metadata", "payload"},
                            {});
    if (statement.events_max == 0u)
      return executed;
    auto stream = engine_.replay(statement.context_id, {.from = statement.from,
                                                        .to = statement.to,
                                                        .backward = statement.backward,
                                                        .limit = statement.events_max.value_or(0),
                                                        .types = statement.event_types,
                                                        .as_stored = options_.query.as_stored});
    if (!stream)
      return std::move(stream).error();
    WEIR_TRY(read(*stream, statement.context_id, executed));
    return executed;
  }

  Result<Executed> operator()(const FlushStatement&) const {
    WEIR_TRY(engine_.flush());
    Executed executed;
    executed.message = "flushed";
    return executed;
  }

  Result<Executed> operator()(const DefineStatement& statement) const {
    auto schema = parse_schema(statement.definition);
    if (!schema)
      return std::move(schema).error();
    const std::string event_type = schema->event_type;
    const auto version = engine_.define_schema(std::move(*schema));
    if (!version)
      return version.error();
    Executed executed;
    executed.result = table({"event_type", "version"}, {{event_type, *version}});
    return executed;
  }

  Result<Executed> operator()(const PingStatement&) const {
    Executed executed;
    executed.result = table({"answer"}, {{"pong"}});
    return executed;
  }

  Result<Executed> operator()(const ShowStatsStatement&) const {
    Executed executed;
    executed.result = table({"shard", "events", "memtable_events", "memtable_bytes", "segments", "segment_events",
                             "segment_bytes", "payload_bytes", "state"},
                            {});
    for (const ShardStats& shard : engine_.stats().shards)
      executed.result.rows.push_back({shard.shard, shard.segment_events + shard.memtable_events, shard.memtable_events,
                                      shard.memtable_bytes, shard.segments, shard.segment_events, shard.segment_bytes,
                                      shard.payload_bytes, shard.failed ? "failed" : "ok"});
    return executed;
  }

  Result<Executed> operator()(const RememberStatement& statement) const {
    WEIR_TRY(engine_.remember(statement.name, statement.query));
    Executed executed;
    executed.message = format("remembered as {}", statement.name);
    return executed;
  }

  Result<Executed> operator()(const ShowViewStatement& statement) const {
    auto result = engine_.show(statement.name, options_.query);
    if (!result)
      return std::move(result).error();
    Executed executed;
    executed.result = *std::move(result);
    executed.query = plan_of(statement.name);
    return executed;
  }

  Result<Executed> operator()(const ListViewsStatement&) const {
    Executed executed;
    executed.result = table({"name", "query"}, {});
    for (RememberedQuery& view : engine_.remembered())
      executed.result.rows.push_back({std::move(view.name), std::move(view.query)});
    return executed;
  }

  Result<Executed> operator()(const ForgetStatement& statement) const {
    WEIR_TRY(engine_.forget(statement.name));
    Executed executed;
    executed.message = format("forgot {}", statement.name);
    return executed;
  }

private:
  /// None, if the view has been forgotten since it answered.
  [[nodiscard]] std::optional<Query> plan_of(const std::string& view) const {
    for (const RememberedQuery& each : engine_.remembered())
      if (each.name == view)
        if (auto plan = parse_query(each.query))
          return *std::move(plan);
    return std::nullopt;
  }

  [[nodiscard]] Status go_on(std::chrono::steady_clock::time_point deadline) const {
    if (options_.query.cancel && *options_.query.cancel)
      return fail(Errc::cancelled, "the replay was cancelled");
    if (std::chrono::steady_clock::now() >= deadline)
      return fail(Errc::deadline_exceeded, "the replay took longer than it may");
    return {};
  }

  Status read(ReplayStream& stream, const std::string& context_id, Executed& executed) const {
    const auto timeout_ms = std::clamp<std::chrono::milliseconds>(
        options_.query.timeout_ms.value_or(engine_.options().query_timeout_ms), std::chrono::milliseconds(0),
        std::chrono::years(10)); // "for ever" is not to wrap around
    const auto deadline = std::chrono::steady_clock::now() + timeout_ms;
    std::uint64_t bytes = 0;
    for (;;) {
      WEIR_TRY(go_on(deadline));
      const auto batch = stream.next();
      if (!batch)
        return batch.error();
      if (const auto removed = batch->removed(); removed && executed.message.empty())
        executed.message = format("sequences {} to {} of {} are removed", removed->first, removed->last, context_id);
      if (batch->empty())
        return {};
      bytes += batch->bytes();
      if (executed.result.rows.size() + batch->size() > options_.replay_events_max)
        return too_many("events", options_.replay_events_max, context_id);
      if (bytes > options_.replay_bytes_max)
        return too_many("bytes", options_.replay_bytes_max, context_id);
      for (const EventView& event : *batch)
        executed.result.rows.push_back(event_row(event));
    }
  }

  Engine& engine_;
  const ExecuteOptions& options_;
};

} // namespace

Result<Executed> execute(Engine& engine, std::string_view text, const ExecuteOptions& options) {
  const auto statement = parse_statement(text, options.parameters);
  if (!statement)
    return statement.error();
  return execute(engine, *statement, options);
}

Result<Executed> execute(Engine& engine, const Statement& statement, const ExecuteOptions& options) {
  return std::visit(Executor(engine, options), statement);
}

} // namespace weir
