#include "api/cli/completion.hpp"

#include "engine/query/column_names.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace weir::cli {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 10> statement_keywords = {"DEFINE", "EXPLAIN",  "FLUSH",  "FORGET", "PING",
                                                                 "QUERY",  "REMEMBER", "REPLAY", "SHOW",   "STORE"};
constexpr std::array<std::string_view, 2> explain_keywords = {"ANALYZE", "QUERY"};
constexpr std::array<std::string_view, 2> show_keywords = {"STATS", "VIEWS"};
constexpr std::array<std::string_view, 6> unit_keywords = {"DAY", "HOUR", "MINUTE", "MONTH", "WEEK", "YEAR"};
constexpr std::array<std::string_view, 8> condition_words = {"EXISTS",  "NOT",    "abs(",   "date_trunc(",
                                                             "length(", "lower(", "round(", "time("};
constexpr std::array<std::string_view, 42> query_clauses = {
    "AND",      "AS",    "ASC",    "AVG",   "BETWEEN", "BY",    "CONTAINS", "COUNT", "DESC",   "EXISTS",   "FIRST",
    "FOLLOWED", "FOR",   "HAVING", "IN",    "IS",      "LAST",  "LIKE",     "LIMIT", "LINKED", "MAX",      "MIN",
    "NOT",      "NULL",  "OFFSET", "OR",    "ORDER",   "P50",   "P95",      "P99",   "PER",    "PRECEDED", "PREFIX",
    "RETURN",   "SINCE", "TIME",   "TOTAL", "UNIQUE",  "UNTIL", "USING",    "WHERE", "WITHIN"};
constexpr std::array<std::string_view, 5> store_clauses = {"AT", "FOR", "ID", "METADATA", "PAYLOAD"};
constexpr std::array<std::string_view, 5> replay_clauses = {"BACKWARD", "FROM", "LIMIT", "TO", "TYPES"};
constexpr std::array<std::string_view, 1> define_clauses = {"FIELDS"};

Words clauses_of(std::string_view statement) noexcept {
  if (statement == "STORE")
    return store_clauses;
  if (statement == "REPLAY")
    return replay_clauses;
  if (statement == "DEFINE")
    return define_clauses;
  const bool asks = statement == "QUERY" || statement == "EXPLAIN" || statement == "REMEMBER";
  return asks ? Words(query_clauses) : Words();
}

/// What stands at a place of a statement.
enum class Place : std::uint8_t {
  statement,
  explained,
  remembered,
  shown,
  views,
  types,
  fields,
  conditions,
  units,
  values,
  clauses
};

/// What follows a keyword; nothing if the word is none, or leaves the place as it is.
std::optional<Place> place_after(std::string_view word, std::string_view before) {
  constexpr auto table = std::to_array<std::pair<std::string_view, Place>>({
      {"QUERY", Place::types},      {"EXPLAIN", Place::explained}, {"ANALYZE", Place::explained},
      {"SHOW", Place::shown},       {"STORE", Place::types},       {"DEFINE", Place::types},
      {"WHERE", Place::conditions}, {"AND", Place::conditions},    {"OR", Place::conditions},
      {"NOT", Place::conditions},   {"HAVING", Place::conditions}, {"EXISTS", Place::fields},
      {"RETURN", Place::fields},    {"TOTAL", Place::fields},      {"AVG", Place::fields},
      {"MIN", Place::fields},       {"MAX", Place::fields},        {"P50", Place::fields},
      {"P95", Place::fields},       {"P99", Place::fields},        {"FIRST", Place::fields},
      {"LAST", Place::fields},      {"UNIQUE", Place::fields},     {"TIME", Place::fields},
      {"PER", Place::units},        {"FOR", Place::values},        {"SINCE", Place::values},
      {"UNTIL", Place::values},     {"LIMIT", Place::values},      {"OFFSET", Place::values},
      {"WITHIN", Place::values},    {"LIKE", Place::values},       {"IN", Place::values},
      {"BETWEEN", Place::values},   {"CONTAINS", Place::values},   {"AS", Place::values},
      {"REPLAY", Place::values},    {"FORGET", Place::views},      {"REMEMBER", Place::remembered},
      {"TYPES", Place::types},      {"PREFIX", Place::values},     {"AT", Place::values},
      {"ID", Place::values},        {"METADATA", Place::values},   {"PAYLOAD", Place::values},
      {"FROM", Place::values},      {"TO", Place::values},
  });
  if (word == "BY")
    return before == "FOLLOWED" || before == "PRECEDED" ? Place::types : Place::fields;
  const auto found =
      std::find_if(table.begin(), table.end(), [word](const auto& entry) { return entry.first == word; });
  return found != table.end() ? std::optional(found->second) : std::nullopt;
}

std::string in_capitals(std::string_view text) {
  std::string capitals(text);
  for (char& c : capitals)
    if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
  return capitals;
}

bool breaks_word(char c) noexcept {
  return std::string_view(completion_breaks).find(c) != std::string_view::npos;
}

/// Reads a statement up to the word that is being typed.
class Reader {
public:
  void read(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      while (at < text.size() && (quote_ != 0 || !breaks_word(text[at])))
        pass(text[at++]);
      if (at > begin)
        word(text.substr(begin, at - begin));
      if (at < text.size())
        symbol(text[at++]);
    }
  }

  /// The cursor is in quotes or braces.
  [[nodiscard]] bool inside() const noexcept { return quote_ != 0 || depth_ > 0; }
  /// Its keyword in capitals.
  [[nodiscard]] std::string_view statement() const noexcept { return statement_; }
  /// What the next word is.
  [[nodiscard]] Place place() const noexcept { return awaits_ ? place_ : Place::clauses; }

private:
  void pass(char c) noexcept {
    if (quote_ != 0)
      quote_ = c == quote_ ? '\0' : quote_;
    else if (c == '\'' || c == '"')
      quote_ = c;
  }

  void word(std::string_view text) {
    std::string capitals = in_capitals(text);
    const auto place = place_after(capitals, before_);
    if (statement_.empty())
      statement_ = capitals;
    before_ = std::move(capitals);
    awaits_ = place.has_value();
    if (place)
      place_ = *place;
  }

  void symbol(char c) noexcept {
    if (c == ' ' || c == '\t' || c == '\n')
      return;
    if (c == '{')
      ++depth_;
    else if (c == '}' && depth_ > 0)
      --depth_;
    // What has been named needs no second name; behind anything else something is still to come.
    const bool every_type = c == '*' && place_ == Place::types;
    awaits_ = !every_type && c != ')' && c != ']' && c != '}';
    if (c == '=' || c == '<' || c == '>' || c == '!')
      place_ = Place::values;
  }

  char quote_ = 0;
  std::size_t depth_ = 0;
  bool awaits_ = true;
  Place place_ = Place::statement;
  std::string statement_; ///< The first word in capitals.
  std::string before_;    ///< The last one.
};

class Matches {
public:
  explicit Matches(std::string_view prefix)
      : prefix_(prefix), capitals_(in_capitals(prefix)),
        small_(!prefix.empty() && prefix.front() >= 'a' && prefix.front() <= 'z') {}

  void add_keywords(Words words) {
    for (const std::string_view word : words)
      if (in_capitals(word).starts_with(capitals_))
        found_.push_back(small_ ? query::lowered(word) : std::string(word));
  }
  void add_names(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (name.starts_with(prefix_))
        found_.push_back(name);
  }

  std::vector<std::string> take() {
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

private:
  std::string_view prefix_;
  std::string capitals_;
  bool small_;
  std::vector<std::string> found_;
};

} // namespace

Completions complete(std::string_view text, const CompletionNames& names) {
  std::size_t begin = text.size();
  while (begin > 0 && !breaks_word(text[begin - 1]))
    --begin;
  const std::string_view prefix = text.substr(begin);
  Reader reader;
  reader.read(text.substr(0, begin));
  Completions completions{begin, {}};
  if (reader.inside() || prefix.find_first_of("'\"") != std::string_view::npos)
    return completions;

  Matches matches(prefix);
  switch (reader.place()) {
  case Place::statement: matches.add_keywords(statement_keywords); break;
  case Place::remembered: matches.add_keywords(std::span(explain_keywords).last<1>()); break;
  case Place::explained: matches.add_keywords(explain_keywords); break;
  case Place::shown: matches.add_keywords(show_keywords); [[fallthrough]];
  case Place::views: matches.add_names(names.views); break;
  case Place::types: matches.add_names(names.types); break;
  case Place::conditions: matches.add_keywords(condition_words); [[fallthrough]];
  case Place::fields: matches.add_names(names.fields); break;
  case Place::units: matches.add_keywords(unit_keywords); break;
  case Place::values: break;
  case Place::clauses: matches.add_keywords(clauses_of(reader.statement())); break;
  }
  completions.words = matches.take();
  return completions;
}

} // namespace weir::cli
