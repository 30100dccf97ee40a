// Everything that can be said to the engine in text: queries, and statements around them.
//
// Purpose: one parser for shells, services and scripts (docs/query-language.md). A statement says what is wanted; doing
// it is for who holds the engine.
// Threading: plain values and pure functions.
// Invariants: what parse_statement() gives prints to a text that it reads back as the same statement.
#pragma once

#include <weir/event.hpp>
#include <weir/query.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir {

/// `[EXPLAIN [ANALYZE]] QUERY ...`
struct QueryStatement {
  enum class Explain : std::uint8_t {
    none,
    plan,    ///< EXPLAIN: what would be done, without doing it.
    analyze, ///< EXPLAIN ANALYZE: runs the query and says what it took.
  };
  Query query;
  Explain explain = Explain::none;
  friend bool operator==(const QueryStatement&, const QueryStatement&) = default;
};

/// `STORE <type> FOR <context> [AT <time>] [ID <event id>] [METADATA <json>] PAYLOAD <json>`
struct StoreStatement {
  std::string event_type;
  std::string context_id;
  std::optional<Timestamp> timestamp; ///< AT
  std::string event_id;               ///< ID; empty: none.
  std::string metadata;               ///< A JSON object, byte for byte; empty: none.
  std::string payload;                ///< A JSON object, byte for byte.
  friend bool operator==(const StoreStatement&, const StoreStatement&) = default;
};

/// `REPLAY <context> [FROM n] [TO n] [TYPES t, ...] [BACKWARD] [LIMIT n]`
struct ReplayStatement {
  std::string context_id;
  Sequence from = 1; ///< Both inclusive.
  Sequence to = sequence_max;
  std::vector<std::string> event_types; ///< Empty: all.
  bool backward = false;
  std::optional<std::uint64_t> events_max; ///< LIMIT
  friend bool operator==(const ReplayStatement&, const ReplayStatement&) = default;
};

/// `FLUSH`
struct FlushStatement {
  friend bool operator==(const FlushStatement&, const FlushStatement&) = default;
};

/// `DEFINE <type> FIELDS {...}`: see schema.hpp.
struct DefineStatement {
  std::string definition; ///< The whole text, which parse_schema() reads.
  friend bool operator==(const DefineStatement&, const DefineStatement&) = default;
};

/// `PING`
struct PingStatement {
  friend bool operator==(const PingStatement&, const PingStatement&) = default;
};

/// `SHOW STATS`
struct ShowStatsStatement {
  friend bool operator==(const ShowStatsStatement&, const ShowStatsStatement&) = default;
};

/// `REMEMBER QUERY ... AS <name>`: the last AS of the text is the view's.
struct RememberStatement {
  Query query;
  std::string name;
  friend bool operator==(const RememberStatement&, const RememberStatement&) = default;
};

/// `SHOW <name>`: a remembered query's answer.
struct ShowViewStatement {
  std::string name;
  friend bool operator==(const ShowViewStatement&, const ShowViewStatement&) = default;
};

/// `SHOW VIEWS`
struct ListViewsStatement {
  friend bool operator==(const ListViewsStatement&, const ListViewsStatement&) = default;
};

/// `FORGET <name>`
struct ForgetStatement {
  std::string name;
  friend bool operator==(const ForgetStatement&, const ForgetStatement&) = default;
};

using Statement =
    std::variant<QueryStatement, StoreStatement, ReplayStatement, FlushStatement, DefineStatement, PingStatement,
                 ShowStatsStatement, RememberStatement, ShowViewStatement, ListViewsStatement, ForgetStatement>;

/// Parses one statement; a `;` may end it. Errors as parse_query(). A STORE has at most limits::call_bytes_max bytes,
/// anything else limits::query_text_bytes_max; DEFINE takes no parameters. Names, payloads and their sizes are checked
/// for what the language needs; the engine's own limits are checked by the call that stores.
Result<Statement> parse_statement(std::string_view text, const QueryParameters& parameters = {});

/// The canonical text, without a `;`. Precondition: one that parse_statement() gave, or could give.
[[nodiscard]] std::string to_text(const Statement& statement);

/// Every keyword of the language, in capitals and sorted: for completion in a shell.
[[nodiscard]] std::vector<std::string_view> query_keywords();

} // namespace weir
