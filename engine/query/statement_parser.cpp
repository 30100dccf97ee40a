// Statements: text to plain values, and which keywords there are.
#include "engine/query/column_names.hpp"
#include "engine/query/parser.hpp"
#include "engine/query/text_position.hpp"
#include "engine/query/words.hpp"
#include "engine/text.hpp"
#include <weir/limits.hpp>
#include <weir/schema.hpp>
#include <weir/statement.hpp>

#include <algorithm>
#include <array>

namespace weir {
namespace query {
namespace {

class StatementParser {
public:
  explicit StatementParser(TokenReader& in) : in_(in) {}
  Result<Statement> run();

private:
  Result<Statement> parse_query_statement();
  Result<Statement> parse_store();
  Result<Statement> parse_replay();
  Result<Statement> parse_show();
  Result<Statement> parse_remember();
  /// One clause: its keyword is the current token.
  Status store_clause(StoreStatement& out, std::string_view keyword);
  Status replay_clause(ReplayStatement& out, std::string_view keyword);
  /// Reads clauses in any order, each at most once, until none of `keywords` is there.
  template <std::size_t count, class Read>
  Status clauses(const std::array<std::string_view, count>& keywords, Read read);
  Status name(std::string& out, std::string_view what);

  TokenReader& in_;
};

Status StatementParser::name(std::string& out, std::string_view what) {
  auto read = in_.name(what);
  if (!read)
    return std::move(read).error();
  out = *std::move(read);
  return {};
}

template <std::size_t count, class Read>
Status StatementParser::clauses(const std::array<std::string_view, count>& keywords, Read read) {
  std::array<bool, count> given{};
  while (true) {
    const auto* const found = std::find_if(keywords.begin(), keywords.end(),
                                           [&](std::string_view word) { return in_.token().is_keyword(word); });
    if (found == keywords.end())
      return {};
    bool& there = given[static_cast<std::size_t>(found - keywords.begin())];
    if (there)
      return in_.at_token(format("{} is given twice", *found));
    there = true;
    WEIR_TRY(in_.advance());
    WEIR_TRY(read(*found));
  }
}

Result<Statement> StatementParser::run() {
  const Token& token = in_.token();
  if (token.is_keyword("QUERY") || token.is_keyword("EXPLAIN"))
    return parse_query_statement();
  struct Start {
    std::string_view keyword;
    Result<Statement> (StatementParser::*parse)();
  };
  constexpr std::array<Start, 4> starts = {{{"STORE", &StatementParser::parse_store},
                                            {"REPLAY", &StatementParser::parse_replay},
                                            {"SHOW", &StatementParser::parse_show},
                                            {"REMEMBER", &StatementParser::parse_remember}}};
  for (const Start& start : starts) {
    if (!token.is_keyword(start.keyword))
      continue;
    WEIR_TRY(in_.advance());
    return (this->*start.parse)();
  }
  if (token.is_keyword("FLUSH")) {
    WEIR_TRY(in_.advance());
    return Statement(FlushStatement{});
  }
  if (token.is_keyword("PING")) {
    WEIR_TRY(in_.advance());
    return Statement(PingStatement{});
  }
  if (!token.is_keyword("FORGET"))
    return in_.expected("QUERY, EXPLAIN, STORE, REPLAY, FLUSH, DEFINE, PING, SHOW, REMEMBER or FORGET");
  WEIR_TRY(in_.advance());
  ForgetStatement forget;
  WEIR_TRY(name(forget.name, "the name of a view"));
  return Statement(std::move(forget));
}

Result<Statement> StatementParser::parse_query_statement() {
  QueryStatement made;
  if (in_.token().is_keyword("EXPLAIN")) {
    WEIR_TRY(in_.advance());
    const auto analyze = in_.take_keyword("ANALYZE");
    if (!analyze)
      return analyze.error();
    made.explain = *analyze ? QueryStatement::Explain::analyze : QueryStatement::Explain::plan;
    if (!in_.token().is_keyword("QUERY"))
      return in_.expected(*analyze ? "QUERY" : "QUERY or ANALYZE");
  }
  auto query = parse_query(in_);
  if (!query)
    return std::move(query).error();
  made.query = *std::move(query);
  return Statement(std::move(made));
}

Result<Statement> StatementParser::parse_store() {
  StoreStatement made;
  WEIR_TRY(name(made.event_type, "an event type"));
  constexpr std::array<std::string_view, 5> keywords = {"FOR", "AT", "ID", "METADATA", "PAYLOAD"};
  WEIR_TRY(clauses(keywords, [&](std::string_view keyword) { return store_clause(made, keyword); }));
  if (made.context_id.empty())
    return in_.expected("FOR and a context");
  if (made.payload.empty())
    return in_.expected("PAYLOAD, AT, ID or METADATA");
  return Statement(std::move(made));
}

Status StatementParser::store_clause(StoreStatement& out, std::string_view keyword) {
  if (keyword == "FOR")
    return name(out.context_id, "a context");
  if (keyword == "ID")
    return name(out.event_id, "the id of the event");
  if (keyword == "AT") {
    const auto time = in_.time();
    if (!time)
      return time.error();
    out.timestamp = *time;
    return {};
  }
  auto json = in_.json_object(keyword == "PAYLOAD" ? "payload" : "metadata");
  if (!json)
    return std::move(json).error();
  (keyword == "PAYLOAD" ? out.payload : out.metadata) = *std::move(json);
  return {};
}

Result<Statement> StatementParser::parse_replay() {
  ReplayStatement made;
  WEIR_TRY(name(made.context_id, "a context"));
  constexpr std::array<std::string_view, 5> keywords = {"FROM", "TO", "TYPES", "BACKWARD", "LIMIT"};
  WEIR_TRY(clauses(keywords, [&](std::string_view keyword) { return replay_clause(made, keyword); }));
  if (in_.token().kind != Token::Kind::end && !in_.token().is_symbol(";"))
    return in_.expected("FROM, TO, TYPES, BACKWARD, LIMIT or the end");
  return Statement(std::move(made));
}

Status StatementParser::replay_clause(ReplayStatement& out, std::string_view keyword) {
  if (keyword == "BACKWARD") {
    out.backward = true;
    return {};
  }
  if (keyword == "TYPES")
    return in_.list([&] { return name(out.event_types.emplace_back(), "an event type"); });
  const auto number = in_.number(keyword == "LIMIT" ? "a number of events" : "a sequence number");
  if (!number)
    return number.error();
  if (keyword == "FROM")
    out.from = *number;
  else if (keyword == "TO")
    out.to = *number;
  else
    out.events_max = *number;
  return {};
}

Result<Statement> StatementParser::parse_show() {
  if (in_.token().is_keyword("STATS")) {
    WEIR_TRY(in_.advance());
    return Statement(ShowStatsStatement{});
  }
  if (in_.token().is_keyword("VIEWS")) {
    WEIR_TRY(in_.advance());
    return Statement(ListViewsStatement{});
  }
  ShowViewStatement view;
  WEIR_TRY(name(view.name, "STATS, VIEWS or the name of a view"));
  return Statement(std::move(view));
}

Result<Statement> StatementParser::parse_remember() {
  RememberStatement made;
  // A column could be named last, too; what AS says last is the view's.
  const bool hidden = in_.hide_last_as();
  auto query = parse_query(in_);
  if (!query)
    return std::move(query).error();
  made.query = *std::move(query);
  if (hidden)
    WEIR_TRY(in_.reveal());
  if (!in_.token().is_keyword("AS"))
    return in_.expected("AS and the name of the view");
  WEIR_TRY(in_.advance());
  WEIR_TRY(name(made.name, "the name of the view"));
  return Statement(std::move(made));
}

/// The text without the `;` that may end it.
std::string_view without_end(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && text[last] == ';' ? text.substr(0, last) : text;
}

Result<Statement> define(std::string_view text, const QueryParameters& parameters) {
  if (!parameters.positional.empty() || !parameters.named.empty())
    return fail(Errc::invalid_argument, "DEFINE takes no parameters");
  const auto schema = parse_schema(without_end(text));
  if (!schema)
    return schema.error();
  return Statement(DefineStatement{to_text(*schema)});
}

} // namespace
} // namespace query

Result<Statement> parse_statement(std::string_view text, const QueryParameters& parameters) {
  WEIR_TRY(query::check_text(text, limits::call_bytes_max));
  query::TokenReader in(text, parameters);
  WEIR_TRY(in.advance());
  if (!in.token().is_keyword("STORE"))
    WEIR_TRY(query::check_text(text, limits::query_text_bytes_max));
  if (in.token().is_keyword("DEFINE"))
    return query::define(text, parameters);
  auto made = query::StatementParser(in).run();
  if (!made)
    return made;
  WEIR_TRY(in.take_symbol(";"));
  if (in.token().kind != query::Token::Kind::end)
    return in.expected("the end");
  WEIR_TRY(in.check_parameters());
  return made;
}

std::vector<std::string_view> query_keywords() {
  std::vector<std::string_view> words = {
      "ANALYZE", "AND",      "AS",       "ASC",    "AT",     "BACKWARD", "BETWEEN",  "BY",       "CONTAINS", "DEFINE",
      "DESC",    "EXISTS",   "EXPLAIN",  "FALSE",  "FIELDS", "FLUSH",    "FOLLOWED", "FOR",      "FORGET",   "FROM",
      "HAVING",  "ID",       "IN",       "IS",     "LIKE",   "LIMIT",    "LINKED",   "METADATA", "NOT",      "NULL",
      "OFFSET",  "OPEN",     "OPTIONAL", "OR",     "ORDER",  "PAYLOAD",  "PER",      "PING",     "PRECEDED", "PREFIX",
      "QUERY",   "REMEMBER", "REPLAY",   "RETURN", "SHOW",   "SINCE",    "STATS",    "STORE",    "TIME",     "TO",
      "TRUE",    "TYPES",    "UNIQUE",   "UNTIL",  "USING",  "VIEWS",    "WHERE",    "WITHIN"};
  for (const std::string_view word : query::aggregate_keywords) {
    if (word.find(' ') == std::string_view::npos)
      words.push_back(word);
  }
  words.insert(words.end(), query::unit_keywords.begin(), query::unit_keywords.end());
  for (const query::DurationUnit& unit : query::duration_units)
    words.insert(words.end(), {unit.plural, unit.singular()});
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

} // namespace weir
