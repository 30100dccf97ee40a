// Text to plan: one pass from left to right, a clause at a time.
//
// Names of types and contexts may be any word, keywords too, because the grammar always knows where a name stands. The
// plan is made with the builder's own calls, so both forms give the same plan.
#include "engine/query/parser.hpp"

#include "engine/query/check_plan.hpp"
#include "engine/query/column_names.hpp"
#include "engine/query/query_parser.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>

#include <algorithm>

namespace weir {
namespace query {

Result<Query> QueryParser::run() {
  start_ = in_.token().offset;
  WEIR_TRY(in_.keyword("QUERY"));
  WEIR_TRY(parse_source());
  while (in_.token().kind != Token::Kind::end && !in_.token().is_symbol(";")) {
    Clause* const clause = clause_here();
    if (clause == nullptr)
      return in_.expected(clauses_expected());
    if (clause->offset)
      return in_.at_token(clause->keyword == "COUNT" ? "a second list of aggregates: ',' joins them into one"
                                                     : format("{} is given twice", clause->keyword));
    clause->offset = in_.token().offset;
    // The aggregates' own words begin their list.
    if (clause->keyword != "COUNT")
      WEIR_TRY(in_.advance());
    WEIR_TRY((this->*clause->parse)());
  }
  WEIR_TRY(check_whole());
  return std::move(query_);
}

QueryParser::Clause* QueryParser::clause_here() {
  const bool aggregate = aggregate_here().has_value();
  auto* const found = std::find_if(clauses_.begin(), clauses_.end(), [&](const Clause& clause) {
    return aggregate ? clause.keyword == "COUNT" : in_.token().is_keyword(clause.keyword);
  });
  return found == clauses_.end() ? nullptr : found;
}

std::string QueryParser::clauses_expected() const {
  return query_.is_sequence() ? "WITHIN, FOR, SINCE, UNTIL, USING TIME, WHERE, RETURN, COUNT, ORDER BY, LIMIT, OFFSET "
                                "or the end"
                              : "FOR, SINCE, UNTIL, USING TIME, WHERE, RETURN, COUNT, TOTAL, AVG, MIN, MAX, P50, P95, "
                                "P99, FIRST, LAST, PER, BY, HAVING, ORDER BY, LIMIT, OFFSET or the end";
}

Status QueryParser::parse_source() {
  if (in_.token().is_symbol("*"))
    return in_.advance();
  const Place place = in_.place();
  auto first = step("an event type or *");
  if (!first)
    return std::move(first).error();
  if (in_.token().is_keyword("FOLLOWED") || in_.token().is_keyword("PRECEDED"))
    return parse_steps(*std::move(first), place);
  if (!first->name.empty())
    return in_.expected("FOLLOWED BY or PRECEDED BY");
  query_.event_types.push_back(std::move(first->event_type));
  const auto more = in_.take_symbol(",");
  if (!more)
    return more.error();
  if (!*more)
    return {};
  return in_.list([&]() -> Status {
    if (query_.event_types.size() == limits::query_names_max)
      return in_.at_token(format("a query has at most {} event types", limits::query_names_max));
    auto type = in_.name("an event type");
    if (!type)
      return std::move(type).error();
    query_.event_types.push_back(*std::move(type));
    return {};
  });
}

Result<SequenceStep> QueryParser::step(std::string_view what) {
  SequenceStep step;
  auto type = in_.name(what);
  if (!type)
    return std::move(type).error();
  step.event_type = *std::move(type);
  const auto named = in_.take_keyword("AS");
  if (!named)
    return named.error();
  if (*named) {
    auto name = in_.name("the name of the step");
    if (!name)
      return std::move(name).error();
    step.name = *std::move(name);
  }
  return step;
}

/// `a PRECEDED BY b` is the same as `b FOLLOWED BY a`.
Status QueryParser::parse_steps(SequenceStep first, Place place) {
  const std::string_view word = in_.token().is_keyword("FOLLOWED") ? "FOLLOWED" : "PRECEDED";
  std::vector<std::pair<SequenceStep, Place>> steps;
  steps.emplace_back(std::move(first), place);
  while (in_.token().is_keyword(word)) {
    WEIR_TRY(in_.advance());
    WEIR_TRY(in_.keyword("BY"));
    const Place next_place = in_.place();
    if (steps.size() == limits::query_steps_max)
      return in_.at_token(format("a sequence has at most {} steps", limits::query_steps_max));
    auto next = step("an event type");
    if (!next)
      return std::move(next).error();
    steps.emplace_back(*std::move(next), next_place);
  }
  if (!in_.token().is_keyword("LINKED"))
    return in_.expected(format("{}{} BY or LINKED BY", steps.back().first.name.empty() ? "AS, " : "", word));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    query_.steps.push_back(steps[i].first);
    if (auto status = check_step(query_, i); !status)
      return in_.at(steps[i].second, status.error().message);
  }
  WEIR_TRY(in_.advance());
  WEIR_TRY(in_.keyword("BY"));
  if (in_.token().kind != Token::Kind::word)
    return in_.expected("a field");
  if (auto status = check_link(in_.token().text); !status)
    return in_.at_token(status.error().message);
  if (word == "PRECEDED")
    std::reverse(query_.steps.begin(), query_.steps.end());
  query_ = Query::sequence(std::move(query_.steps), in_.token().text);
  return in_.advance();
}

std::size_t QueryParser::offset_of(std::string_view clause) const {
  const auto* const found =
      std::find_if(clauses_.begin(), clauses_.end(), [&](const Clause& c) { return c.keyword == clause; });
  return found == clauses_.end() ? start_ : found->offset.value_or(start_);
}

Result<std::string> QueryParser::resolved(const ColumnUse& use, std::string_view clause) const {
  if (check_column(query_, use.name, clause))
    return use.name;
  if (query_.per_unit && lowered(use.name) == unit_name(*query_.per_unit))
    return unit_name(*query_.per_unit);
  if (const auto meant = parse_aggregate_name(use.name)) {
    const auto found = std::find_if(query_.aggregates.begin(), query_.aggregates.end(), [&](const Aggregate& each) {
      return each.kind == meant->kind && each.field == meant->field;
    });
    if (found != query_.aggregates.end())
      return column_name(*found);
  }
  return in_.at(use.place, check_column(query_, use.name, clause).error().message);
}

/// HAVING and ORDER BY may stand before the columns they name.
Status QueryParser::resolve_columns() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const ColumnUse& use : having_uses_) {
    auto name = resolved(use, "HAVING");
    if (!name)
      return std::move(name).error();
    if (*name != use.name)
      names.emplace_back(use.name, *std::move(name));
  }
  if (query_.group_condition)
    query_.group_condition->rename(names);
  for (std::size_t i = 0; i < query_.order.size(); ++i) {
    if (query_.is_grouped()) {
      auto name = resolved(order_uses_[i], "ORDER BY");
      if (!name)
        return std::move(name).error();
      query_.order[i].name = *std::move(name);
    } else if (auto status = check_order(query_, query_.order[i].name); !status) {
      return in_.at(order_uses_[i].place, status.error().message);
    }
  }
  return {};
}

/// What only the whole query shows: the clauses come in any order.
Status QueryParser::check_whole() {
  if (const auto conflict = find_conflict(query_)) {
    // Of two that exclude each other it is the later one.
    const std::size_t offset =
        conflict->clause == "RETURN" ? std::max(offset_of("COUNT"), offset_of("RETURN")) : offset_of(conflict->clause);
    return in_.at({offset, false}, std::string(conflict->message));
  }
  if (auto status = check_column_names(query_); !status) {
    const std::vector<std::string> columns = columns_of(query_);
    const std::size_t unnamed = columns.size() - as_places_.size();
    for (std::size_t i = columns.size(); i-- > unnamed;) {
      if (std::count(columns.begin(), columns.end(), columns[i]) > 1)
        return in_.at(as_places_[i - unnamed], status.error().message);
    }
  }
  WEIR_TRY(resolve_columns());
  // What is left has no place of its own, such as a time out of range in a condition on columns.
  if (auto status = query_.validate(); !status)
    return in_.at({start_, false}, status.error().message);
  return {};
}

Result<Query> parse_query(TokenReader& in) {
  return QueryParser(in).run();
}

Status check_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max)
    return fail(Errc::too_large, format("the text has {} bytes, at most {} are allowed", text.size(), bytes_max));
  if (!valid_utf8(text))
    return fail(Errc::parse_error, "the text is not valid UTF-8");
  return {};
}

} // namespace query

Result<Query> parse_query(std::string_view text, const QueryParameters& parameters) {
  WEIR_TRY(query::check_text(text, limits::query_text_bytes_max));
  query::TokenReader in(text, parameters);
  WEIR_TRY(in.advance());
  auto made = query::parse_query(in);
  if (made && in.token().kind != query::Token::Kind::end)
    return in.expected("the end of the query");
  if (made)
    WEIR_TRY(in.check_parameters());
  return made;
}

} // namespace weir
