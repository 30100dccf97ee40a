#include "engine/models/keyset.hpp"

#include "engine/hash.hpp"

namespace weir {
namespace {

bool is_null(const SqlValue& value) {
  return std::holds_alternative<std::monostate>(value);
}

SqlText equal(const Key& key, const SqlValue& value) {
  if (is_null(value))
    return {.sql = key.expression + " IS NULL"};
  return {.sql = key.expression + " = ?", .values = {value}};
}

// The ranges of one key behind a value, in their order. Ascending, NULL comes before all, descending after all.
std::vector<KeyRange> strictly_behind(const Key& key, const SqlValue& value, bool descending) {
  const auto range = [&](std::string_view compared) {
    return KeyRange{.condition = {.sql = key.expression + std::string(compared), .values = {value}}};
  };
  if (!is_null(value) && !descending)
    return {range(" > ?")};
  if (!is_null(value) && !key.nullable)
    return {range(" < ?")};
  if (!is_null(value))
    return {range(" < ?"), {.condition = {.sql = key.expression + " IS NULL"}, .alike = 1}};
  if (!descending)
    return {{.condition = {.sql = key.expression + " IS NOT NULL"}}};
  return {};
}

} // namespace

std::uint32_t Keyset::fingerprint(std::string_view model) const {
  std::string text(model);
  for (const Key& key : keys_) {
    text += '\0';
    text += key.descending ? '-' : '+';
    text += key.name;
  }
  constexpr std::uint64_t seed = 0x77656972'736F7274; // "weirsort"
  return static_cast<std::uint32_t>(hash64(text, seed));
}

std::string Keyset::order_by(bool reversed, std::size_t first) const {
  std::string text;
  for (std::size_t i = first; i < keys_.size(); ++i) {
    const Key& key = keys_[i];
    text += text.empty() ? " ORDER BY " : ", ";
    text += key.expression;
    if (key.descending != reversed)
      text += " DESC";
  }
  return text;
}

SqlText Keyset::behind(const std::vector<SqlValue>& values, bool reversed) const {
  return behind_from(0, values, reversed);
}

// Behind in this key, or equal in it and behind in those that follow.
SqlText Keyset::behind_from(std::size_t first, const std::vector<SqlValue>& values, bool reversed) const {
  const Key& key = keys_[first];
  std::vector<KeyRange> ways = strictly_behind(key, values[first], key.descending != reversed);
  if (first + 1 < keys_.size())
    ways.push_back(equal_and_behind(first, values, reversed));
  if (ways.empty())
    return {.sql = "0"};
  if (ways.size() == 1)
    return std::move(ways.front().condition);
  SqlText any{.sql = "("};
  for (std::size_t i = 0; i < ways.size(); ++i)
    any.append(i == 0 ? "" : " OR ").append(ways[i].condition);
  return std::move(any.append(")"));
}

KeyRange Keyset::equal_and_behind(std::size_t first, const std::vector<SqlValue>& values, bool reversed) const {
  SqlText condition = equal(keys_[first], values[first]);
  condition.append(" AND ").append(behind_from(first + 1, values, reversed));
  return {.condition = std::move(condition), .alike = 1};
}

std::vector<KeyRange> Keyset::ranges_behind(const std::vector<SqlValue>& values, bool reversed) const {
  const Key& key = keys_.front();
  if (!key.indexed)
    return {{.condition = behind(values, reversed)}};
  std::vector<KeyRange> ranges;
  if (keys_.size() > 1)
    ranges.push_back(equal_and_behind(0, values, reversed));
  for (KeyRange& range : strictly_behind(key, values.front(), key.descending != reversed))
    ranges.push_back(std::move(range));
  return ranges;
}

std::vector<KeyRange> Keyset::ranges() const {
  if (keys_.empty() || !keys_.front().indexed || !keys_.front().without_nulls)
    return {KeyRange{}};
  std::vector<KeyRange> ranges{{.condition = {.sql = keys_.front().expression + " IS NULL"}, .alike = 1},
                               {.condition = {.sql = keys_.front().expression + " IS NOT NULL"}}};
  if (keys_.front().descending)
    std::swap(ranges[0], ranges[1]);
  return ranges;
}

} // namespace weir
