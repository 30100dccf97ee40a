// Any statement of the language, as text: what a console or a script hands over.
//
// Purpose: services call the Engine's methods; execute() is for text that somebody types.
// Threading: as the Engine: from any thread, at any time.
//
//   auto late = execute(engine, "QUERY order_placed WHERE payload.total > ? COUNT", {.parameters = {{100}, {}}});
#pragma once

#include <weir/engine.hpp>
#include <weir/limits.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>
#include <weir/statement.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct ExecuteOptions {
  /// Values for `?` and `:name` of the text.
  QueryParameters parameters{};
  /// Of QUERY and SHOW <name>; `timeout_ms`, `cancel` and `as_stored` hold for REPLAY, too.
  QueryOptions query{};
  /// A QUERY is explained as if EXPLAIN or EXPLAIN ANALYZE stood before it, if the text does not ask for more. Any
  /// other statement does what it does.
  QueryStatement::Explain explain = QueryStatement::Explain::none;
  std::uint64_t replay_events_max = 100'000;  ///< A REPLAY that would answer more is `too_large`: Engine::replay
  std::uint64_t replay_bytes_max = 256 * MiB; ///< gives any number of events, a batch at a time.
};

/// What a statement did, or found.
struct Executed {
  /// The rows. Without columns, if there are none to answer.
  /// STORE: `context_id`, `sequence`, `position`, `durability`, `duplicate`.
  /// REPLAY: the core fields of each event, `metadata` and `payload`, as QUERY without RETURN has them.
  /// DEFINE: `event_type`, `version`.  PING: `answer`, which is "pong".  SHOW STATS: what each shard holds.
  /// SHOW VIEWS: `name`, `query`.
  QueryResult result;
  std::optional<Query> query; ///< The plan whose rows these are, of QUERY and SHOW <name>.
  bool explained = false;     ///< There are no rows: `result.explain` is the answer, a line each.
  std::string message;        ///< A sentence for people, where rows do not say it: "flushed".
};

/// Does what a statement says. Errors: those of parse_statement() (`parse_error` with line and column, of which caret()
/// makes a picture), then those of the Engine's method of the same name; `too_large` and `deadline_exceeded` of REPLAY.
/// Blocks like these methods.
Result<Executed> execute(Engine& engine, std::string_view text, const ExecuteOptions& options = {});
/// The same; ExecuteOptions::parameters are not looked at.
Result<Executed> execute(Engine& engine, const Statement& statement, const ExecuteOptions& options = {});

} // namespace weir
