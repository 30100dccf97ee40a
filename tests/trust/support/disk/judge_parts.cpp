#include "trust/support/disk/judge_parts.hpp"

#include "engine/content_hash.hpp"
#include "engine/stub.hpp"

namespace weir::trust {

Rows replay(const ShardView& view, const std::string& context_id) {
  EventBatch batch;
  static_cast<void>(must(read_context(view, context_id, {}, {100'000, 1u << 30}, batch), "a replay of " + context_id));
  Rows rows;
  for (const EventView& event : batch)
    rows.push_back({event.sequence, event.position, std::string(event.payload)});
  return rows;
}

bool is_event(const Row& row, const std::string& sent) {
  EventView event;
  event.payload = row.payload;
  if (!is_stub(event))
    return row.payload == sent;
  event.payload = sent;
  event.event_type = Ledger::event_type;
  std::string scratch;
  return content_of(row.payload) == content_hash(event, scratch);
}

std::map<std::string, std::set<std::string>> possible_texts(const std::deque<AskedRecord>& asked) {
  std::map<std::string, std::set<std::string>> possible;
  for (const AskedRecord& each : asked) {
    auto& texts = possible.try_emplace(each.name, std::set<std::string>{""}).first->second;
    if (each.answer && each.answer->ok())
      texts = {each.text};
    else
      texts.insert(each.text); // refused, it may yet turn up
  }
  return possible;
}

void check_goes_on(PlainEngine& engine, const Ledger& ledger, const Shown& before) {
  Ledger probes("probe");
  for (const auto& shard : engine.parts.shards) {
    std::string context = engine.context_in(shard->id, "probe");
    for (const StoredCall& call : ledger.calls())
      if (call.shard == shard->id)
        context = call.context_id;
    engine.submit(probes.call(context, shard->id, Durability::synced, 1, 0));
    engine.settle();
    const StoredCall& probe = probes.calls().back();
    need(probe.answers == 1, "I9: a store is answered " + std::to_string(probe.answers) + " times");
    const Receipt receipt = must(*probe.answer, "I9: a store");
    const auto last = before.last.find(context);
    need(receipt.sequence == (last == before.last.end() ? 0 : last->second) + 1, "I3: a new event's sequence");
    const auto position = before.positions.find(shard->id);
    need(position == before.positions.end() || receipt.position > position->second, "I5: a position was given again");
    for (const StoredCall& call : ledger.calls())
      need(call.shard != shard->id || !call.acknowledged() || receipt.position > (*call.answer)->position,
           "I5: a position that was receipted was given again");
    const Rows rows = replay(shard->table->view(), context);
    need(!rows.empty() && rows.back() == Row{receipt.sequence, receipt.position, probe.payloads.front()},
         "I8: what was just stored does not read back");
  }
}

} // namespace weir::trust
