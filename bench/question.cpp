#include "bench/question.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

namespace weir::bench {

namespace {

/// What follows `"key":` in a payload of the workload, up to the next comma or the end.
std::optional<std::string_view> value_of(std::string_view payload, std::string_view key) {
  const auto at = payload.find(key);
  if (at == std::string_view::npos)
    return std::nullopt;
  const auto begin = at + key.size();
  return payload.substr(begin, payload.find_first_of(",}", begin) - begin);
}

/// The payload's "amount", which has two decimals, in hundredths.
std::optional<std::int64_t> amount_of(const Row& row) {
  const auto text = value_of(row.payload, "\"amount\":");
  if (!text)
    return std::nullopt;
  std::int64_t whole = 0;
  const auto point = std::from_chars(text->data(), text->data() + text->size(), whole).ptr;
  std::int64_t hundredths = 0;
  std::from_chars(point + 1, text->data() + text->size(), hundredths);
  return whole * 100 + hundredths;
}

} // namespace

Answer in_order(Topic topic, Answer rows) {
  const bool by_sum = topic == Topic::top_sums;
  std::sort(rows.begin(), rows.end(), [by_sum](const auto& a, const auto& b) {
    return by_sum && a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (by_sum && rows.size() > top_rows)
    rows.resize(top_rows);
  return rows;
}

void Examiner::add(const Row& row) {
  switch (question_.topic) {
  case Topic::count: return count(row);
  case Topic::by_type: {
    const auto found = by_name_.find(row.event_type);
    ++(found != by_name_.end() ? found : by_name_.emplace(row.event_type, 0).first)->second;
    return;
  }
  case Topic::top_sums: return sum(row);
  case Topic::three_steps: return step(row);
  }
}

void Examiner::count(const Row& row) {
  if (row.event_type != question_.event_type || row.timestamp_us < question_.from_us ||
      row.timestamp_us >= question_.until_us)
    return;
  const auto amount = amount_of(row);
  counted_ += amount && *amount >= std::int64_t{100} * question_.amount_min ? 1 : 0;
}

void Examiner::sum(const Row& row) {
  if (row.event_type != question_.event_type)
    return;
  if (const auto amount = amount_of(row))
    by_name_[std::string(row.context_id)] += *amount;
}

void Examiner::step(const Row& row) {
  const auto* const step = std::find(std::begin(three_steps), std::end(three_steps), row.event_type);
  if (step == std::end(three_steps))
    return;
  const auto customer = value_of(row.payload, "\"customer_id\":");
  if (customer && customers_[std::string(*customer)].add(static_cast<std::size_t>(step - std::begin(three_steps))))
    ++counted_;
}

Answer Examiner::answer() const {
  if (question_.topic == Topic::count || question_.topic == Topic::three_steps)
    return {{"", counted_}};
  return in_order(question_.topic, {by_name_.begin(), by_name_.end()});
}

} // namespace weir::bench
