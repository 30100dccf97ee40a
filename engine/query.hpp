// A query as a plain value: what the text form parses to and what the builder makes.
//
// Purpose: one plan for both forms (docs/query-language.md), so that they cannot differ in meaning.
// Threading: plain values.
// Invariants: names of fields are kept in their canonical spelling (`payload."a"` is kept as `payload.a`), literals
// that are compared with a time as Timestamp, so plans that mean the same by spelling alone compare equal. An
// expression is never deeper than limits::query_depth_max; building it deeper yields one that validate() refuses.
// Nothing is checked before validate().
//
//   auto query = Query::types({"order_placed"})
//                    .since(a_day_ago)
//                    .where(field("payload.total") >= 100 && field("payload.currency").in({"EUR", "USD"}))
//                    .count()
//                    .total("payload.total")
//                    .by({"payload.country"})
//                    .order_by("count", SortOrder::descending)
//                    .limit(10);
#pragma once

#include <weir/event.hpp>
#include <weir/expression.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

enum class SortOrder : std::uint8_t { ascending, descending };

/// One key of ORDER BY: a field, or a column of the result.
struct OrderTerm {
  std::string name;
  SortOrder order = SortOrder::ascending;
  friend bool operator==(const OrderTerm&, const OrderTerm&) = default;
};

/// One column of RETURN.
struct ReturnedField {
  std::string field;
  std::string name; ///< AS; empty: the field's own.
  friend bool operator==(const ReturnedField&, const ReturnedField&) = default;
};

/// What is made of all events of a group.
struct Aggregate {
  enum class Kind : std::uint8_t {
    count,        ///< Events.
    count_unique, ///< Different values, null apart; equal numbers are one.
    total,        ///< Exact sum of the numbers, rounded once; null if there is none.
    average,
    minimum, ///< By the order of ORDER BY, null apart.
    maximum,
    p50, ///< Nearest rank among the numbers.
    p95,
    p99,
    first, ///< The value at the lowest position that has one.
    last,
  };
  Kind kind = Kind::count;
  std::string field; ///< Empty for count.
  std::string name;  ///< AS; empty: its default_name().
  friend bool operator==(const Aggregate&, const Aggregate&) = default;
};
/// The keywords in small letters and the field: "count", "count unique payload.user", "total payload.amount".
[[nodiscard]] std::string default_name(const Aggregate& aggregate);
/// The column of the result: AS, or its default_name().
[[nodiscard]] std::string column_name(const Aggregate& aggregate);

/// Widths of PER, UTC; weeks begin on Monday. Its column has the unit's name in small letters and holds the beginning.
enum class TimeUnit : std::uint8_t { minute, hour, day, week, month, year };

/// One step of a sequence: an event of this type. Conditions and columns name its fields `name.field`.
struct SequenceStep {
  std::string event_type;
  std::string name; ///< AS; empty: the type's own, if it is a bare word.
  friend bool operator==(const SequenceStep&, const SequenceStep&) = default;
};

class Query {
public:
  /// The start of a query over events of these types.
  static Query types(const std::vector<std::string>& event_types);
  /// ... over events of every type.
  static Query all_types() { return {}; }
  /// ... over sequences: events of these types, each at a later position than the one before it, which have the same
  /// value in `link` (a core field or a path). A match begins with the first event that fits, takes for each further
  /// step the first later one that fits, and shares no event with another.
  static Query sequence(std::vector<SequenceStep> steps, std::string_view link);

  Query& for_context(std::string id);
  Query& for_contexts(std::vector<std::string> ids);
  /// Only contexts whose id begins with `prefix`.
  Query& for_prefix(std::string prefix);
  /// Only events whose time is not before `time`.
  Query& since(Timestamp time);
  /// Only events whose time is before `time`.
  Query& until(Timestamp time);
  /// The field that since(), until() and per() look at, instead of `timestamp`: `recorded_at`, or a path to RFC 3339
  /// text or integer milliseconds. Events without a time there are not found by since() and until().
  Query& using_time(std::string_view field);
  /// Only events `expression` is true for. Called again, both must be.
  Query& where(Expr expression);
  Query& returning(const std::vector<std::string>& names);
  /// ... with names of their own: returning({{"payload.total", "total"}, {"sequence", ""}}).
  Query& returning(std::initializer_list<ReturnedField> columns) { return returning(std::vector(columns)); }
  /// A template, so that a list of plain names is never taken for two iterators of such a vector.
  template <std::same_as<std::vector<ReturnedField>> Columns> Query& returning(Columns columns) {
    return return_columns(std::move(columns));
  }
  /// Each adds a column to the answer, which has one row for each group.
  Query& count(std::string_view as = {});
  Query& count_unique(std::string_view field, std::string_view as = {});
  Query& total(std::string_view field, std::string_view as = {});
  Query& average(std::string_view field, std::string_view as = {});
  Query& minimum(std::string_view field, std::string_view as = {});
  Query& maximum(std::string_view field, std::string_view as = {});
  Query& first(std::string_view field, std::string_view as = {});
  Query& last(std::string_view field, std::string_view as = {});
  Query& aggregate(Aggregate::Kind kind, std::string_view field = {}, std::string_view as = {});
  /// Groups by time, before the fields of by().
  Query& per(TimeUnit unit);
  Query& by(const std::vector<std::string>& names);
  /// Only groups `expression` is true for. Its fields are the columns of the result.
  Query& having(Expr expression);
  /// Called again, adds a key that decides where the earlier ones tie.
  Query& order_by(std::string_view name, SortOrder order = SortOrder::ascending);
  Query& limit(std::uint64_t rows);
  Query& offset(std::uint64_t rows);
  /// Of a sequence: its last event is at most this much later than its first, by their times.
  Query& within(std::chrono::microseconds duration);

  /// `invalid_argument`, or `too_large` for an expression that is too deep: what is wrong with this plan.
  [[nodiscard]] Status validate() const;

  [[nodiscard]] bool is_sequence() const noexcept { return !steps.empty(); }
  /// The answer has a row for each group, not for each event or match.
  [[nodiscard]] bool is_grouped() const noexcept { return !aggregates.empty(); }

  // The plan. Readers may look at it; builders go through the calls above, which keep names canonical.
  std::vector<std::string> event_types; ///< Empty: every type, or a sequence.
  std::vector<SequenceStep> steps;      ///< Of a sequence, else empty; in the order of the events.
  std::string link;                     ///< LINKED BY
  std::optional<std::chrono::microseconds> within_time;
  std::vector<std::string> context_ids;      ///< One of these; empty: any.
  std::optional<std::string> context_prefix; ///< Not together with context_ids.
  std::optional<Timestamp> since_time;       ///< Inclusive.
  std::optional<Timestamp> until_time;       ///< Exclusive.
  std::string time_field = "timestamp";      ///< USING TIME
  std::optional<Expr> condition;             ///< WHERE
  std::vector<ReturnedField> fields;         ///< RETURN; empty: all core fields (see docs for sequences).
  std::vector<Aggregate> aggregates;
  std::optional<TimeUnit> per_unit;
  std::vector<std::string> group_by;
  std::optional<Expr> group_condition; ///< HAVING
  std::vector<OrderTerm> order;        ///< Empty: by position, groups by their keys.
  std::optional<std::uint64_t> rows_max;
  std::uint64_t rows_skipped = 0;

  friend bool operator==(const Query&, const Query&) = default;

private:
  Query& return_columns(std::vector<ReturnedField> columns);
};

/// Values for the parameters of a text: `?` take `positional` in order, `:name` those of `named`. A parameter stands
/// where a value, a time, a context, a number of rows or an event type does, and is never read as text of the language.
struct QueryParameters {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named; ///< Without the colon.
};

/// Parses the text form. `parse_error` with what was expected, what was found and, in `where`, "line 1, column 17"
/// (columns count characters); `too_large` for text beyond limits::query_text_bytes_max; `invalid_argument` for a
/// parameter without a value, a value without a parameter, or one that does not fit its place. Equal to what the
/// builder makes, and valid.
Result<Query> parse_query(std::string_view text, const QueryParameters& parameters = {});

/// The canonical text of a valid plan: parse_query(to_text(q)) gives q again, unless it has more than
/// limits::query_text_bytes_max bytes. The builder makes such plans (of thousands of terms, or of long literals), and
/// they run like any other; but their text is none that can be parsed (`parse_error`) or remembered (`too_large`), and
/// EXPLAIN shows its beginning.
[[nodiscard]] std::string to_text(const Query& query);

/// A query that is kept up to date under a name: see Engine::remember.
struct RememberedQuery {
  std::string name;
  std::string query; ///< As to_text() writes it.
  friend bool operator==(const RememberedQuery&, const RememberedQuery&) = default;
};

/// Two lines for a terminal: the line of `text` that `error` names (shortened if long) and a `^` under the place. Empty
/// if `error` names no place in `text`.
[[nodiscard]] std::string caret(std::string_view text, const Error& error);

} // namespace weir
