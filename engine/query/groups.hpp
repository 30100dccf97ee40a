// Groups of an answer by the values of their keys.
//
// Owner: a Collector, then the merge. Threading: one owner.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/hash.hpp"
#include "engine/query/aggregate.hpp"
#include "engine/query/compare.hpp"
#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"
#include "engine/query/split_table.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::query {

struct Group {
  std::vector<Value> keys;            ///< The beginning of PER, then the fields of BY, normalized.
  std::vector<AggregateState> states; ///< As CompiledQuery::states.
};

class GroupTable {
public:
  explicit GroupTable(const CompiledQuery& query) : query_(&query) {}

  /// The group of these keys (of PER what bucket_of() says), a new one if there was none; it stays where it
  /// is while the table lives. `too_large` beyond the memory bound.
  Result<Group*> at(std::span<const ValueView> keys, ResultBudget& budget);
  /// Takes over the groups of `other`, of the same query.
  Status merge(GroupTable&& other, Pacer& pacer);

  [[nodiscard]] std::size_t size() const noexcept { return groups_.size(); }
  /// Calls `visit` with each group, in no order, until that fails; it may take what is in it. Needs no query any more,
  /// nor does merge().
  Status each(const std::function<Status(Group& group)>& visit);
  /// A copy. `cancelled` or `deadline_exceeded` as `pacer` says.
  Result<GroupTable> copy(Pacer& pacer) const;

private:
  explicit GroupTable(const CompiledQuery* query) : query_(query) {} // which may be gone by now

  struct KeyHash {
    using is_transparent = void;
    std::uint64_t operator()(std::string_view key) const noexcept { return hash64(key, 0); }
  };
  const CompiledQuery* query_;
  using Table = std::unordered_map<std::string, Group, KeyHash, std::equal_to<>>;
  SplitTable<Table, KeyHash> groups_; ///< By the bytes of their keys.
  std::string key_;                   ///< Scratch of at().
};

/// The beginning of the unit of PER that the time in `value` falls in; null if it is none.
[[nodiscard]] ValueView bucket_of(const CompiledQuery::Per& per, const ValueView& value) noexcept;

} // namespace weir::query
