// The canonical text of a plan.
#include "engine/query/column_names.hpp"
#include "engine/query/text_pieces.hpp"
#include <weir/query.hpp>

namespace weir {
namespace query {
namespace {

void append_as(std::string& out, std::string_view name) {
  if (!name.empty()) {
    out += " AS ";
    out += name;
  }
}

void append_step(std::string& out, const SequenceStep& step) {
  append_name(out, step.event_type);
  append_as(out, step.name);
}

void append_column(std::string& out, const ReturnedField& column) {
  out += column.field;
  append_as(out, column.name);
}

void append_aggregate(std::string& out, const Aggregate& aggregate) {
  out += aggregate_keywords[static_cast<std::size_t>(aggregate.kind)];
  if (!aggregate.field.empty())
    out += " " + aggregate.field;
  append_as(out, aggregate.name);
}

void append_order(std::string& out, const OrderTerm& term) {
  out += term.name;
  if (term.order == SortOrder::descending)
    out += " DESC";
}

void append_text(std::string& out, const std::string& text) {
  out += text;
}

void append_source(std::string& out, const Query& query) {
  if (query.is_sequence()) {
    bool first = true;
    for (const SequenceStep& step : query.steps) {
      out += first ? "" : " FOLLOWED BY ";
      first = false;
      append_step(out, step);
    }
    out += " LINKED BY " + query.link;
  } else if (query.event_types.empty()) {
    out += '*';
  }
  append_list(out, query.event_types, append_name);
  if (query.within_time) {
    out += " WITHIN ";
    append_duration(out, *query.within_time);
  }
}

void append_range(std::string& out, const Query& query) {
  if (query.context_prefix) {
    out += " FOR PREFIX ";
    append_name(out, *query.context_prefix);
  } else if (!query.context_ids.empty()) {
    out += " FOR ";
    // Bare, it would be the keyword.
    if (lowered(query.context_ids.front()) == "prefix")
      out += "'" + query.context_ids.front() + "'";
    else
      append_name(out, query.context_ids.front());
    for (std::size_t i = 1; i < query.context_ids.size(); ++i) {
      out += ", ";
      append_name(out, query.context_ids[i]);
    }
  }
  if (query.since_time) {
    out += " SINCE ";
    append_time(out, *query.since_time);
  }
  if (query.until_time) {
    out += " UNTIL ";
    append_time(out, *query.until_time);
  }
  if (query.time_field != Query{}.time_field)
    out += " USING TIME " + query.time_field;
}

void append_groups(std::string& out, const Query& query, std::size_t bytes_max) {
  if (!query.aggregates.empty()) {
    out += ' ';
    append_list(out, query.aggregates, append_aggregate);
  }
  if (query.per_unit) {
    out += " PER ";
    out += unit_keywords[static_cast<std::size_t>(*query.per_unit)];
  }
  if (!query.group_by.empty()) {
    out += " BY ";
    append_list(out, query.group_by, append_text);
  }
  if (query.group_condition) {
    out += " HAVING ";
    append_expression(out, *query.group_condition, bytes_max);
  }
}

} // namespace

std::string text_of(const Query& query, std::size_t bytes_max) {
  std::string out = "QUERY ";
  append_source(out, query);
  append_range(out, query);
  if (query.condition) {
    out += " WHERE ";
    append_expression(out, *query.condition, bytes_max);
  }
  if (!query.fields.empty()) {
    out += " RETURN [";
    append_list(out, query.fields, append_column);
    out += ']';
  }
  append_groups(out, query, bytes_max);
  if (!query.order.empty()) {
    out += " ORDER BY ";
    append_list(out, query.order, append_order);
  }
  if (query.rows_max)
    out += " LIMIT " + std::to_string(*query.rows_max);
  if (query.rows_skipped != 0)
    out += " OFFSET " + std::to_string(query.rows_skipped);
  return out;
}

} // namespace query

std::string to_text(const Query& query) {
  return query::text_of(query, SIZE_MAX);
}

} // namespace weir
