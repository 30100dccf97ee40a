#include "tests/engine/query/sequence_reference.hpp"

#include "engine/time_text.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace weir::test {
namespace {

using Fields = std::map<std::string, Value>; ///< What is missing is absent.
using Truth = std::optional<bool>;           ///< Nothing: unknown.

std::string name_of(const SequenceStep& step) {
  return step.name.empty() ? step.event_type : step.name;
}

Value field_of(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? Value() : found->second;
}

/// Every number of the random data fits exactly.
long double number_of(const Value& value) {
  if (const auto natural = value.as_uint64())
    return static_cast<long double>(*natural);
  if (const auto integer = value.as_int64())
    return static_cast<long double>(*integer);
  return static_cast<long double>(*value.as_double());
}

/// 0 null, 1 boolean, 2 number, 3 time, 4 string, 5 JSON: the order of ORDER BY.
int type_of(const Value& value) {
  switch (value.kind()) {
  case Value::Kind::null: return 0;
  case Value::Kind::boolean: return 1;
  case Value::Kind::timestamp: return 3;
  case Value::Kind::string: return 4;
  case Value::Kind::json: return 5;
  default: return 2;
  }
}

/// Below, at or above zero as `a` comes before, with or after `b`. Precondition: of one type.
int order_of(const Value& a, const Value& b) {
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  switch (type_of(a)) {
  case 1: return sign(*a.as_bool(), *b.as_bool());
  case 2: return sign(number_of(a), number_of(b));
  case 3: return sign(*a.as_timestamp(), *b.as_timestamp());
  case 4: return sign(*a.as_string(), *b.as_string());
  case 5: return sign(*a.as_json(), *b.as_json());
  default: return 0;
  }
}

Truth compared(const Value& a, Comparison comparison, const Value& b) {
  const int type = type_of(a);
  const bool equality = comparison == Comparison::equal || comparison == Comparison::not_equal;
  if (type != type_of(b) || type == 0 || type == 5 || (type == 1 && !equality))
    return std::nullopt;
  const int order = order_of(a, b);
  switch (comparison) {
  case Comparison::equal: return order == 0;
  case Comparison::not_equal: return order != 0;
  case Comparison::less: return order < 0;
  case Comparison::less_equal: return order <= 0;
  case Comparison::greater: return order > 0;
  case Comparison::greater_equal: return order >= 0;
  }
  return std::nullopt;
}

Value value_of(const Expr& expression, const Fields& fields) {
  return expression.kind() == Expr::Kind::literal ? expression.value() : field_of(fields, expression.name());
}

Truth truth_of(const Expr& expression, const Fields& fields) {
  switch (expression.kind()) {
  case Expr::Kind::comparison:
    return compared(value_of(expression.terms()[0], fields), expression.comparison(),
                    value_of(expression.terms()[1], fields));
  case Expr::Kind::is_null: return value_of(expression.terms()[0], fields).is_null();
  case Expr::Kind::exists: return fields.count(expression.name()) != 0;
  case Expr::Kind::negation: {
    const Truth truth = truth_of(expression.terms()[0], fields);
    return truth ? Truth(!*truth) : truth;
  }
  case Expr::Kind::conjunction:
  case Expr::Kind::disjunction: {
    const bool decides = expression.kind() == Expr::Kind::disjunction;
    bool unknown = false;
    for (const Expr& term : expression.terms()) {
      const Truth truth = truth_of(term, fields);
      if (truth == Truth(decides))
        return decides;
      unknown = unknown || !truth;
    }
    return unknown ? Truth() : Truth(!decides);
  }
  default: throw std::logic_error("the reference does not know this expression");
  }
}

void collect_steps(const Expr& expression, std::set<std::string>& steps) {
  if (!expression.name().empty())
    steps.insert(expression.name().substr(0, expression.name().find('.')));
  for (const Expr& term : expression.terms())
    collect_steps(term, steps);
}

/// Terms that must all be true, with the steps each names.
struct Term {
  const Expr* expression = nullptr;
  std::set<std::string> steps;
};

std::vector<Term> terms_of(const Query& query) {
  std::vector<Term> terms;
  if (!query.condition)
    return terms;
  const auto add = [&](const Expr& expression) {
    collect_steps(expression, terms.emplace_back(Term{&expression, {}}).steps);
  };
  if (query.condition->kind() == Expr::Kind::conjunction)
    std::for_each(query.condition->terms().begin(), query.condition->terms().end(), add);
  else
    add(*query.condition);
  return terms;
}

std::optional<Timestamp> time_of(const Query& query, const KnownEvent& event) {
  const Value value = field_of(event.fields, query.time_field);
  if (const auto time = value.as_timestamp())
    return time;
  if (const auto text = value.as_string()) {
    const auto time = parse_timestamp(*text);
    return time ? std::optional(*time) : std::nullopt;
  }
  if (const auto milliseconds = value.as_int64()) {
    const auto time = timestamp_from_ms(*milliseconds);
    return time ? std::optional(*time) : std::nullopt;
  }
  return std::nullopt;
}

bool is_looked_at(const Query& query, const KnownEvent& event) {
  const std::string& context = event.event.context_id;
  if (!query.context_ids.empty() &&
      std::find(query.context_ids.begin(), query.context_ids.end(), context) == query.context_ids.end())
    return false;
  if (query.context_prefix && context.rfind(*query.context_prefix, 0) != 0)
    return false;
  const auto time = time_of(query, event);
  return (!query.since_time || (time && *time >= *query.since_time)) &&
         (!query.until_time || (time && *time < *query.until_time));
}

bool links(const Value& a, const Value& b) {
  const int type = type_of(a);
  return type == type_of(b) && type != 0 && type != 5 && order_of(a, b) == 0;
}

using Match = std::vector<const KnownEvent*>;

/// What `step` of `match` is called by its fields.
void name_fields(const SequenceStep& step, const KnownEvent& event, Fields& fields) {
  const std::string name = name_of(step);
  std::erase_if(fields, [&](const auto& field) { return field.first.rfind(name + ".", 0) == 0; });
  for (const auto& [field, value] : event.fields)
    fields[name + "." + field] = value;
}

/// Whether the event may follow as the next of `match`, whose fields are `fields` then.
bool fits(const Query& query, const std::vector<Term>& terms, const Match& match, const KnownEvent& event,
          Fields& fields) {
  const SequenceStep& step = query.steps[match.size()];
  if (event.event.event_type != step.event_type || !is_looked_at(query, event))
    return false;
  if (!match.empty() && !links(field_of(match.front()->fields, query.link), field_of(event.fields, query.link)))
    return false;
  if (query.within_time && !match.empty()) {
    const auto from = time_of(query, *match.front());
    const auto to = time_of(query, event);
    if (!from || !to || *to - *from > *query.within_time)
      return false;
  }
  name_fields(step, event, fields);
  for (const Term& term : terms) {
    // All its steps are bound now, and not all were before.
    bool due = term.steps.empty() ? match.empty() : term.steps.count(name_of(step)) != 0;
    for (std::size_t later = match.size() + 1; later < query.steps.size(); ++later)
      due = due && term.steps.count(name_of(query.steps[later])) == 0;
    if (due && truth_of(*term.expression, fields) != Truth(true))
      return false;
  }
  return true;
}

/// The matches of one link value, by `all`, its events in position order.
void match_link(const Query& query, const std::vector<Term>& terms, const Match& all, std::vector<Match>& found) {
  std::size_t unused = 0;
  for (std::size_t begin = 0; begin < all.size(); ++begin) {
    if (begin < unused)
      continue;
    Match match;
    Fields fields;
    std::size_t next = begin;
    for (std::size_t i = begin; i < all.size() && match.size() < query.steps.size(); ++i) {
      if (match.empty() && i != begin)
        break;
      if (!fits(query, terms, match, *all[i], fields))
        continue;
      match.push_back(all[i]);
      next = i + 1;
    }
    if (match.size() < query.steps.size())
      continue;
    unused = next;
    found.push_back(std::move(match));
  }
}

std::vector<Match> matches_of(const Query& query, const std::vector<KnownEvent>& events) {
  const std::vector<Term> terms = terms_of(query);
  std::vector<Match> groups;
  for (const KnownEvent& event : events) {
    const Value link = field_of(event.fields, query.link);
    if (!links(link, link))
      continue;
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const Match& all) {
      return links(field_of(all.front()->fields, query.link), link);
    });
    if (group == groups.end())
      groups.push_back({&event});
    else
      group->push_back(&event);
  }
  std::vector<Match> found;
  for (const Match& all : groups)
    match_link(query, terms, all, found);
  std::sort(found.begin(), found.end(),
            [](const Match& a, const Match& b) { return a.front()->event.position < b.front()->event.position; });
  return found;
}

Value value_in(const Query& query, const Match& match, const std::string& name) {
  for (std::size_t i = 0; i < query.steps.size(); ++i) {
    const std::string prefix = name_of(query.steps[i]) + ".";
    if (name.rfind(prefix, 0) == 0)
      return field_of(match[i]->fields, name.substr(prefix.size()));
  }
  throw std::logic_error("no step is called so: " + name);
}

std::vector<Value> row_of(const Query& query, const Match& match) {
  std::vector<Value> row;
  for (const ReturnedField& column : query.fields)
    row.push_back(value_in(query, match, column.field));
  if (!query.fields.empty())
    return row;
  row.push_back(field_of(match.front()->fields, query.link));
  for (const KnownEvent* event : match) {
    for (const std::string_view name : {"context_id", "sequence", "position", "timestamp", "payload"})
      row.push_back(field_of(event->fields, std::string(name)));
  }
  return row;
}

void sort_matches(const Query& query, std::vector<Match>& matches) {
  std::stable_sort(matches.begin(), matches.end(), [&](const Match& a, const Match& b) {
    for (const OrderTerm& term : query.order) {
      const auto named = std::find_if(query.fields.begin(), query.fields.end(),
                                      [&](const ReturnedField& field) { return field.name == term.name; });
      const std::string& name = named == query.fields.end() ? term.name : named->field;
      const Value left = value_in(query, a, name);
      const Value right = value_in(query, b, name);
      const int order = type_of(left) != type_of(right) ? type_of(left) - type_of(right) : order_of(left, right);
      if (order != 0)
        return term.order == SortOrder::descending ? order > 0 : order < 0;
    }
    return false;
  });
}

} // namespace

std::vector<std::vector<Value>> reference_sequences(const Query& query, const std::vector<KnownEvent>& events) {
  std::vector<Match> matches = matches_of(query, events);
  std::vector<std::vector<Value>> rows;
  if (query.is_grouped()) {
    rows.emplace_back(query.aggregates.size(), Value(matches.size()));
  } else {
    sort_matches(query, matches);
    for (const Match& match : matches)
      rows.push_back(row_of(query, match));
  }
  rows.erase(rows.begin(),
             rows.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(query.rows_skipped, rows.size())));
  if (query.rows_max && rows.size() > *query.rows_max)
    rows.resize(*query.rows_max);
  return rows;
}

} // namespace weir::test
