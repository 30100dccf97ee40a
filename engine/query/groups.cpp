#include "engine/query/groups.hpp"

namespace weir::query {
namespace {

/// What an entry of the hash table takes beside its texts: node, bucket and allocation headers.
constexpr std::uint64_t entry_bytes = 64;

} // namespace

Result<Group*> GroupTable::at(std::span<const ValueView> keys, ResultBudget& budget) {
  key_.clear();
  for (const ValueView& key : keys)
    append_key(key_, key);
  const auto found = groups_.find(std::string_view(key_));
  if (found != groups_.end())
    return &found->second;
  WEIR_TRY(budget.take(entry_bytes + sizeof(Group) + 2 * key_.size() + query_->columns.size() * sizeof(Value) +
                       query_->states.size() * sizeof(AggregateState)));
  Group group;
  group.keys.reserve(query_->columns.size()); // they become the row of the answer
  for (const ValueView& key : keys)
    group.keys.push_back(to_value(normalized(key)));
  group.states.reserve(query_->states.size());
  for (const CompiledQuery::StateSpec& state : query_->states)
    group.states.emplace_back(state.kind);
  return &groups_.emplace(key_, std::move(group)).first->second;
}

Status GroupTable::merge(GroupTable&& other, Pacer& pacer) {
  if (groups_.size() < other.groups_.size())
    groups_.swap(other.groups_);
  while (!other.groups_.empty()) {
    WEIR_TRY(pacer.spend(1));
    const auto moved = groups_.insert(other.groups_.extract(other.groups_.begin()));
    if (moved.inserted)
      continue;
    Group& into = moved.position->second;
    for (std::size_t i = 0; i < into.states.size(); ++i)
      WEIR_TRY(into.states[i].merge(std::move(moved.node.mapped().states[i]), pacer));
  }
  return {};
}

std::vector<Group> GroupTable::take() {
  std::vector<Group> all;
  all.reserve(groups_.size());
  for (auto& [key, group] : groups_)
    all.push_back(std::move(group));
  groups_.clear();
  return all;
}

ValueView bucket_of(const CompiledQuery::Per& per, const ValueView& value) noexcept {
  const ValueView time = as_time(value);
  if (time.kind != Value::Kind::timestamp)
    return {};
  return ValueView::of(truncated(Timestamp(std::chrono::microseconds(time.integer)), per.unit));
}

} // namespace weir::query
