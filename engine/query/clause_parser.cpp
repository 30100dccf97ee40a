// The clauses of a query, one function each.
#include "engine/query/check_plan.hpp"
#include "engine/query/column_names.hpp"
#include "engine/query/expression_parser.hpp"
#include "engine/query/query_parser.hpp"
#include "engine/query/words.hpp"
#include "engine/text.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <limits>

namespace weir::query {

Status QueryParser::parse_for() {
  const auto by_prefix = in_.take_keyword("PREFIX");
  if (!by_prefix)
    return by_prefix.error();
  if (*by_prefix) {
    auto prefix = in_.name("the prefix of a context");
    if (!prefix)
      return std::move(prefix).error();
    query_.for_prefix(*std::move(prefix));
    return {};
  }
  std::vector<std::string> ids;
  WEIR_TRY(in_.list([&]() -> Status {
    if (ids.size() == limits::query_names_max)
      return in_.at_token(format("a query has at most {} contexts", limits::query_names_max));
    auto id = in_.name("a context");
    if (!id)
      return std::move(id).error();
    ids.push_back(*std::move(id));
    return {};
  }));
  query_.for_contexts(std::move(ids));
  return {};
}

Status QueryParser::parse_since() {
  const auto since = in_.time();
  if (!since)
    return since.error();
  query_.since(*since);
  return {};
}

Status QueryParser::parse_until() {
  const auto until = in_.time();
  if (!until)
    return until.error();
  query_.until(*until);
  return {};
}

Status QueryParser::parse_using() {
  WEIR_TRY(in_.keyword("TIME"));
  if (in_.token().kind != Token::Kind::word)
    return in_.expected("a field that holds a time");
  if (auto status = check_time_field(in_.token().text); !status)
    return in_.at_token(status.error().message);
  query_.using_time(in_.token().text);
  return in_.advance();
}

Status QueryParser::parse_where() {
  std::vector<ColumnUse> none;
  auto made = parse_condition(in_, query_, query_.is_sequence() ? Names::steps : Names::events, none);
  if (!made)
    return std::move(made).error();
  query_.where(*std::move(made));
  return {};
}

Status QueryParser::parse_having() {
  auto made = parse_condition(in_, query_, Names::columns, having_uses_);
  if (!made)
    return std::move(made).error();
  query_.having(*std::move(made));
  return {};
}

/// `AS name`, or nothing.
Result<std::string> QueryParser::as(bool of_aggregate) {
  as_places_.push_back(in_.place());
  const auto named = in_.take_keyword("AS");
  if (!named)
    return named.error();
  if (!*named)
    return std::string();
  as_places_.back() = in_.place();
  if (in_.token().kind != Token::Kind::word && in_.token().kind != Token::Kind::string)
    return in_.expected("the name of a column");
  std::string name(in_.token().kind == Token::Kind::word ? in_.token().text : in_.token().string);
  if (auto status = check_as(name, of_aggregate); !status)
    return in_.at_token(status.error().message);
  WEIR_TRY(in_.advance());
  return name;
}

Status QueryParser::parse_return() {
  const auto brackets = in_.take_symbol("[");
  if (!brackets)
    return brackets.error();
  std::vector<ReturnedField> columns;
  WEIR_TRY(in_.list([&]() -> Status {
    if (columns.size() == limits::query_columns_max)
      return in_.at_token(format("a query returns at most {} columns", limits::query_columns_max));
    auto field = parse_query_field(in_, query_, true);
    if (!field)
      return std::move(field).error();
    auto name = as(false);
    if (!name)
      return std::move(name).error();
    columns.push_back({*std::move(field), *std::move(name)});
    return {};
  }));
  query_.returning(std::move(columns));
  if (!*brackets)
    return {};
  if (!in_.token().is_symbol("]"))
    return in_.expected(query_.fields.back().name.empty() ? "AS, ',' or ']'" : "',' or ']'");
  return in_.advance();
}

std::optional<Aggregate::Kind> QueryParser::aggregate_here() const {
  const auto* const found = std::find_if(aggregate_keywords.begin(), aggregate_keywords.end(),
                                         [&](std::string_view word) { return in_.token().is_keyword(word); });
  if (found == aggregate_keywords.end())
    return std::nullopt;
  return static_cast<Aggregate::Kind>(found - aggregate_keywords.begin());
}

Status QueryParser::parse_aggregates() {
  return in_.list([&]() -> Status {
    if (query_.aggregates.size() == limits::query_columns_max)
      return in_.at_token(format("a query has at most {} aggregates", limits::query_columns_max));
    auto made = aggregate();
    if (!made)
      return std::move(made).error();
    auto name = as(true);
    if (!name)
      return std::move(name).error();
    query_.aggregate(made->kind, made->field, *name);
    return {};
  });
}

Result<Aggregate> QueryParser::aggregate() {
  const auto kind = aggregate_here();
  if (!kind)
    return in_.expected("COUNT, TOTAL, AVG, MIN, MAX, P50, P95, P99, FIRST or LAST");
  const Place place = in_.place();
  Aggregate made{*kind, {}, {}};
  WEIR_TRY(in_.advance());
  if (*kind == Aggregate::Kind::count && in_.token().is_keyword("UNIQUE")) {
    made.kind = Aggregate::Kind::count_unique;
    WEIR_TRY(in_.advance());
  }
  if (query_.is_sequence() && made.kind != Aggregate::Kind::count)
    return in_.at(place, "of a sequence there is COUNT, and no other aggregate");
  if (made.kind == Aggregate::Kind::count)
    return made;
  auto field = parse_query_field(in_, query_, false);
  if (!field)
    return std::move(field).error();
  made.field = *std::move(field);
  return made;
}

Status QueryParser::parse_per() {
  const auto* const unit = std::find_if(unit_keywords.begin(), unit_keywords.end(),
                                        [&](std::string_view word) { return in_.token().is_keyword(word); });
  if (unit == unit_keywords.end())
    return in_.expected("MINUTE, HOUR, DAY, WEEK, MONTH or YEAR");
  query_.per(static_cast<TimeUnit>(unit - unit_keywords.begin()));
  return in_.advance();
}

Status QueryParser::parse_by() {
  std::vector<std::string> names;
  WEIR_TRY(in_.list([&]() -> Status {
    if (names.size() == limits::query_columns_max)
      return in_.at_token(format("a query has at most {} fields of BY", limits::query_columns_max));
    auto field = parse_query_field(in_, query_, false);
    if (!field)
      return std::move(field).error();
    names.push_back(*std::move(field));
    return {};
  }));
  query_.by(names);
  return {};
}

Status QueryParser::parse_order() {
  WEIR_TRY(in_.keyword("BY"));
  return in_.list([&]() -> Status {
    if (query_.order.size() == limits::query_columns_max)
      return in_.at_token(format("a query has at most {} terms of ORDER BY", limits::query_columns_max));
    auto use = parse_column(in_);
    if (!use)
      return std::move(use).error();
    const bool descending = in_.token().is_keyword("DESC");
    if (descending || in_.token().is_keyword("ASC"))
      WEIR_TRY(in_.advance());
    query_.order_by(use->name, descending ? SortOrder::descending : SortOrder::ascending);
    order_uses_.push_back(*std::move(use));
    return {};
  });
}

Status QueryParser::parse_within() {
  const Place place = in_.place();
  const auto count = in_.number("a duration, such as 5 MINUTES");
  if (!count)
    return count.error();
  const auto* const unit = std::find_if(duration_units.begin(), duration_units.end(), [&](const DurationUnit& each) {
    return in_.token().is_keyword(each.plural) || in_.token().is_keyword(each.singular());
  });
  if (unit == duration_units.end())
    return in_.expected("DAYS, HOURS, MINUTES, SECONDS, MILLISECONDS or MICROSECONDS");
  if (*count == 0 || *count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / unit->microseconds))
    return in_.at(place, *count == 0 ? "WITHIN takes a duration above zero" : "the duration is too long");
  query_.within(std::chrono::microseconds(static_cast<std::int64_t>(*count) * unit->microseconds));
  return in_.advance();
}

Status QueryParser::parse_limit() {
  const auto rows = in_.number("a number of rows");
  if (!rows)
    return rows.error();
  query_.limit(*rows);
  return {};
}

Status QueryParser::parse_offset() {
  const auto rows = in_.number("a number of rows");
  if (!rows)
    return rows.error();
  query_.offset(*rows);
  return {};
}

} // namespace weir::query
