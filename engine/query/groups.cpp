#include "engine/query/groups.hpp"

#include "engine/query/leftovers.hpp"

namespace weir::query {
namespace {

/// What an entry of the hash table takes beside its texts: node, bucket and allocation headers.
constexpr std::uint64_t entry_bytes = 64;
/// And the row of the answer that it becomes.
constexpr std::uint64_t row_bytes = 80;

} // namespace

Result<Group*> GroupTable::at(std::span<const ValueView> keys, ResultBudget& budget) {
  key_.clear();
  for (const ValueView& key : keys)
    append_key(key_, key);
  Table& known = groups_.part_of(std::string_view(key_));
  const auto found = known.find(std::string_view(key_));
  if (found != known.end())
    return &found->second;
  WEIR_TRY(budget.take(entry_bytes + row_bytes + sizeof(Group) + 2 * key_.size() +
                       query_->columns.size() * sizeof(Value) + query_->states.size() * sizeof(AggregateState)));
  Group group;
  group.keys.reserve(query_->columns.size()); // they become the row of the answer
  for (const ValueView& key : keys)
    group.keys.push_back(to_value(normalized(key)));
  group.states.reserve(query_->states.size());
  for (const CompiledQuery::StateSpec& state : query_->states)
    group.states.emplace_back(state.kind);
  groups_.make_room();
  return &groups_.part_of(std::string_view(key_)).emplace(key_, std::move(group)).first->second;
}

Status GroupTable::merge(GroupTable&& other, Pacer& pacer) {
  if (groups_.size() < other.groups_.size())
    groups_.swap(other.groups_);
  return groups_.take(other.groups_, pacer, [&pacer](auto& ours, auto& node) -> Status {
    Group& into = ours.second;
    for (std::size_t i = 0; i < into.states.size(); ++i)
      WEIR_TRY(into.states[i].merge(std::move(node.mapped().states[i]), pacer));
    return {};
  });
}

Status GroupTable::each(const std::function<Status(Group& group)>& visit) {
  for (Table& part : groups_.parts())
    for (auto& [key, group] : part)
      WEIR_TRY(visit(group));
  return {};
}

Result<GroupTable> GroupTable::copy(Pacer& pacer) const {
  GroupTable made(query_);
  const HandOver rest(made, pacer.leftovers()); // of a copy that was not made to its end
  for (const Table& part : groups_.parts()) {
    for (const auto& [key, group] : part) {
      WEIR_TRY(pacer.spend(1));
      Group copied;
      copied.keys = group.keys;
      copied.states.reserve(group.states.size());
      for (const AggregateState& state : group.states) {
        auto same = state.copy(pacer);
        if (!same)
          return std::move(same).error();
        copied.states.push_back(*std::move(same));
      }
      made.groups_.make_room();
      made.groups_.part_of(std::string_view(key)).emplace(key, std::move(copied));
    }
  }
  return made;
}

ValueView bucket_of(const CompiledQuery::Per& per, const ValueView& value) noexcept {
  const ValueView time = as_time(value);
  if (time.kind != Value::Kind::timestamp)
    return {};
  return ValueView::of(truncated(Timestamp(std::chrono::microseconds(time.integer)), per.unit));
}

} // namespace weir::query
