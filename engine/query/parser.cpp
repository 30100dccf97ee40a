// Text to plan: one pass from left to right, a clause at a time.
//
// Names of types and contexts may be any word, keywords too, because the grammar always knows where a name stands. The
// plan is made with the builder's own calls, so both forms give the same plan.
#include "engine/query/check_plan.hpp"
#include "engine/query/condition_parser.hpp"
#include "engine/query/text_position.hpp"
#include "engine/query/token_reader.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>
#include <weir/query.hpp>

#include <algorithm>
#include <array>

namespace weir {
namespace query {
namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : in_(text) {}
  Result<Query> run();

private:
  struct Clause {
    std::string_view keyword;
    Status (Parser::*parse)();
    std::size_t offset = std::string_view::npos; ///< Where it was given, if it was.
  };

  Status parse_types();
  Status parse_for();
  Status parse_since();
  Status parse_until();
  Status parse_where();
  Status parse_return();
  Status parse_count();
  Status parse_by();
  Status parse_order();
  Status parse_limit();
  Status parse_offset();
  Status check_whole() const;
  [[nodiscard]] std::size_t offset_of(std::string_view clause) const;

  TokenReader in_;
  Query query_;
  std::vector<std::size_t> order_offsets_; ///< Of the terms of ORDER BY: they are judged once BY is known.
  std::array<Clause, 10> clauses_ = {{{"FOR", &Parser::parse_for},
                                      {"SINCE", &Parser::parse_since},
                                      {"UNTIL", &Parser::parse_until},
                                      {"WHERE", &Parser::parse_where},
                                      {"RETURN", &Parser::parse_return},
                                      {"COUNT", &Parser::parse_count},
                                      {"BY", &Parser::parse_by},
                                      {"ORDER", &Parser::parse_order},
                                      {"LIMIT", &Parser::parse_limit},
                                      {"OFFSET", &Parser::parse_offset}}};
};

Result<Query> Parser::run() {
  WEIR_TRY(in_.advance());
  WEIR_TRY(in_.keyword("QUERY"));
  WEIR_TRY(parse_types());
  while (in_.token().kind != Token::Kind::end) {
    auto* const clause = std::find_if(clauses_.begin(), clauses_.end(),
                                      [&](const Clause& c) { return in_.token().is_keyword(c.keyword); });
    if (clause == clauses_.end())
      return in_.expected("FOR, SINCE, UNTIL, WHERE, RETURN, COUNT, BY, ORDER BY, LIMIT, OFFSET or the end");
    if (clause->offset != std::string_view::npos)
      return in_.at_token(format("{} is given twice", clause->keyword));
    clause->offset = in_.token().offset;
    WEIR_TRY(in_.advance());
    WEIR_TRY((this->*clause->parse)());
  }
  WEIR_TRY(check_whole());
  return std::move(query_);
}

Status Parser::parse_types() {
  if (in_.token().is_symbol("*"))
    return in_.advance();
  while (true) {
    auto type = in_.name(query_.event_types.empty() ? "an event type or *" : "an event type");
    if (!type)
      return std::move(type).error();
    query_.event_types.push_back(*std::move(type));
    if (!in_.token().is_symbol(","))
      return {};
    WEIR_TRY(in_.advance());
  }
}

Status Parser::parse_for() {
  auto id = in_.name("a context");
  if (!id)
    return std::move(id).error();
  query_.for_context(*std::move(id));
  return {};
}

Status Parser::parse_since() {
  const auto since = in_.time();
  if (!since)
    return since.error();
  query_.since(*since);
  return {};
}

Status Parser::parse_until() {
  const auto until = in_.time();
  if (!until)
    return until.error();
  query_.until(*until);
  return {};
}

Status Parser::parse_where() {
  auto expression = parse_condition(in_);
  if (!expression)
    return std::move(expression).error();
  query_.where(*std::move(expression));
  return {};
}

Status Parser::parse_return() {
  const bool brackets = in_.token().is_symbol("[");
  if (brackets)
    WEIR_TRY(in_.advance());
  while (true) {
    auto field = in_.field_name(false);
    if (!field)
      return std::move(field).error();
    query_.fields.push_back(*std::move(field));
    if (!in_.token().is_symbol(","))
      break;
    WEIR_TRY(in_.advance());
  }
  if (brackets && !in_.token().is_symbol("]"))
    return in_.expected("',' or ']'");
  return brackets ? in_.advance() : Status{};
}

Status Parser::parse_count() {
  query_.count();
  return {};
}

Status Parser::parse_by() {
  while (true) {
    auto field = in_.field_name(true);
    if (!field)
      return std::move(field).error();
    query_.group_by.push_back(*std::move(field));
    if (!in_.token().is_symbol(","))
      return {};
    WEIR_TRY(in_.advance());
  }
}

Status Parser::parse_order() {
  WEIR_TRY(in_.keyword("BY"));
  while (true) {
    if (in_.token().kind != Token::Kind::word)
      return in_.expected("a field or a column of the result");
    order_offsets_.push_back(in_.token().offset);
    const std::string_view name = in_.token().text;
    WEIR_TRY(in_.advance());
    const bool descending = in_.token().is_keyword("DESC");
    if (descending || in_.token().is_keyword("ASC"))
      WEIR_TRY(in_.advance());
    query_.order_by(name, descending ? SortOrder::descending : SortOrder::ascending);
    if (!in_.token().is_symbol(","))
      return {};
    WEIR_TRY(in_.advance());
  }
}

Status Parser::parse_limit() {
  const auto rows = in_.row_count();
  if (!rows)
    return rows.error();
  query_.limit(*rows);
  return {};
}

Status Parser::parse_offset() {
  const auto rows = in_.row_count();
  if (!rows)
    return rows.error();
  query_.offset(*rows);
  return {};
}

std::size_t Parser::offset_of(std::string_view clause) const {
  const auto* const found =
      std::find_if(clauses_.begin(), clauses_.end(), [&](const Clause& c) { return c.keyword == clause; });
  return found->offset;
}

/// What only the whole query shows: the clauses come in any order.
Status Parser::check_whole() const {
  if (auto status = check_clauses(query_); !status)
    return parse_failure(in_.text(),
                         query_.counted ? std::max(offset_of("COUNT"), offset_of("RETURN")) : offset_of("BY"),
                         status.error().message);
  for (std::size_t i = 0; i < query_.order.size(); ++i) {
    if (auto status = check_order(query_, query_.order[i].name); !status)
      return parse_failure(in_.text(), order_offsets_[i], status.error().message);
  }
  return {};
}

} // namespace
} // namespace query

Result<Query> parse_query(std::string_view text) {
  if (text.size() > limits::query_text_bytes_max)
    return fail(Errc::too_large,
                format("the query has {} bytes, at most {} are allowed", text.size(), limits::query_text_bytes_max));
  if (!valid_utf8(text))
    return fail(Errc::parse_error, "the query is not valid UTF-8");
  return query::Parser(text).run();
}

} // namespace weir
