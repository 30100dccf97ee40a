// What is gathered of the values of a group.
//
// Purpose: every aggregate as a state that takes values in any order and merges with others in any grouping to the
// same, bit for bit.
// Owner: a group. Threading: one owner.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/hash.hpp"
#include "engine/query/compare.hpp"
#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"
#include "engine/query/exact_sum.hpp"
#include "engine/query/number_list.hpp"
#include "engine/query/split_table.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

namespace weir::query {

class AggregateState {
public:
  using Kind = CompiledQuery::StateSpec::Kind;
  explicit AggregateState(Kind kind) : kind_(kind), state_(initial(kind)) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }

  // All that add something return how many bytes of memory that took.

  /// One event's value; what is null, absent or not made for the aggregate counts for nothing, except that `count`
  /// counts events. `position` is the event's.
  std::uint64_t add(const ValueView& value, Position position);
  /// `events` whose values do not matter. Precondition: kind count.
  void add_count(std::uint64_t events) noexcept;
  /// Values of one type, as many events as there are. Precondition: not first or last.
  std::uint64_t add_integers(std::span<const std::int64_t> values);
  std::uint64_t add_reals(std::span<const double> values);

  /// Takes over what `other`, of the same kind, has gathered. `cancelled` or `deadline_exceeded` as `pacer` says.
  Status merge(AggregateState&& other, Pacer& pacer);
  /// A copy. `cancelled` or `deadline_exceeded` as `pacer` says.
  Result<AggregateState> copy(Pacer& pacer) const;
  /// The column of `kind`, which is made of this state. Sorts, so it may take long, and what was gathered for
  /// percentiles takes nothing more afterwards: whoever goes on asks a copy().
  Result<Value> result(Aggregate::Kind kind, Pacer& pacer);

private:
  struct Count {
    std::uint64_t events = 0;
  };
  struct IntegerHash {
    std::uint64_t operator()(std::int64_t integer) const noexcept {
      return static_cast<std::uint64_t>(integer) * 0x9E3779B97F4A7C15ULL;
    }
  };
  struct TextHash {
    std::uint64_t operator()(const std::string& text) const noexcept { return hash64(text, 0); }
  };
  struct Unique {
    SplitTable<std::unordered_set<std::int64_t>, IntegerHash> integers;
    SplitTable<std::unordered_set<std::string>, TextHash> others; ///< By append_key().
  };
  /// The least or greatest so far, or the one at the lowest or highest position.
  struct Chosen {
    Value value; ///< Null: none yet.
    Position position = 0;
    std::uint64_t counted = 0; ///< Bytes of the longest text so far.
  };
  struct Numbers {
    NumberList<std::int64_t> integers;
    NumberList<std::uint64_t> naturals; ///< Beyond int64.
    NumberList<double> reals;           ///< No integers of 64 bits among them.
  };
  /// The same, in order. Nothing can be added any more.
  struct SortedNumbers {
    std::vector<std::int64_t> integers;
    std::vector<std::uint64_t> naturals;
    std::vector<double> reals;
  };

  using State = std::variant<Count, Unique, ExactSum, Chosen, Numbers, SortedNumbers>;

  static State initial(Kind kind);
  std::uint64_t add_unique(const ValueView& value);
  std::uint64_t choose(const ValueView& value, Position position);
  std::uint64_t add_number(const ValueView& value);
  Result<Value> percentile(unsigned percent, Pacer& pacer);

  Kind kind_;
  State state_;
};

} // namespace weir::query
