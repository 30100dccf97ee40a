// What the stores are asked, and what the answer has to be.
//
// Purpose: stores that know no queries answer by looking at every event with an Examiner; the same one, over the
// workload itself, says what all answers must be. Threading: an Examiner has one owner.
#pragma once

#include "bench/workload.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::bench {

enum class Topic : std::uint8_t {
  count,       ///< Events of one type, in a span of time, with at least so much in the payload's number "amount".
  by_type,     ///< Events of each type.
  top_sums,    ///< The ten contexts with the largest sum of "amount" over events of one type.
  three_steps, ///< Sequences order_placed, payment_captured, parcel_delivered of one "customer_id", none sharing an
               ///< event.
};

struct Question {
  Topic topic = Topic::count;
  std::string_view event_type{};
  std::int64_t from_us = 0;  ///< Inclusive; whole milliseconds, as `until_us`.
  std::int64_t until_us = 0; ///< Exclusive.
  int amount_min = 0;
};

/// Rows of a name (empty for a single number) and a number: counts, or sums of money in hundredths.
using Answer = std::vector<std::pair<std::string, std::int64_t>>;

inline constexpr std::string_view three_steps[] = {"order_placed", "payment_captured", "parcel_delivered"};
inline constexpr std::size_t top_rows = 10;

/// Rows by name, for topics whose order means nothing; by sum, then name, for sums, and no more than top_rows of them.
[[nodiscard]] Answer in_order(Topic topic, Answer rows);

/// Counts the sequences of one customer, told of the events of the three types in order.
class StepCounter {
public:
  /// Returns true when the event completes a sequence. `step`: its place in three_steps.
  bool add(std::size_t step) noexcept {
    if (step != wanted_)
      return false;
    wanted_ = (wanted_ + 1) % 3;
    return wanted_ == 0;
  }

private:
  std::size_t wanted_ = 0;
};

/// Answers a question from all events, told one after the other; those of one context in their order.
class Examiner {
public:
  explicit Examiner(const Question& question) : question_(question) {}
  void add(const Row& row);
  [[nodiscard]] Answer answer() const;

private:
  void count(const Row& row);
  void sum(const Row& row);
  void step(const Row& row);

  Question question_;
  std::int64_t counted_ = 0;
  std::map<std::string, std::int64_t, std::less<>> by_name_;
  std::unordered_map<std::string, StepCounter> customers_;
};

} // namespace weir::bench
