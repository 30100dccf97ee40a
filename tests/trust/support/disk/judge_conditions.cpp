#include "trust/support/disk/judge_conditions.hpp"

#include "engine/schema/checker.hpp"
#include "engine/shard_router.hpp"
#include "trust/support/disk/judge_parts.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

namespace weir::trust {

namespace {

bool speaks_of(const FailIf& condition, const std::string& context_id) {
  return placement_key(context_id) == condition.group &&
         (condition.types.empty() ||
          std::find(condition.types.begin(), condition.types.end(), Ledger::event_type) != condition.types.end());
}

/// Whether somebody asked for the context to be deleted for good.
bool asked_to_close(const Ledger& ledger, const std::string& context_id) {
  return std::any_of(ledger.removals().begin(), ledger.removals().end(), [&](const AskedRemoval& removal) {
    return removal.request.closes && removal.context_id == context_id;
  });
}

Rows rows_of(PlainEngine& engine, const StoredCall& call) {
  return replay(engine.shard(call.shard).table->view(), call.context_id);
}

/// How a call is answered if it is made now. A store is judged by its schema before it is known again.
Errc due_answer(PlainEngine& engine, const Ledger& ledger, const StoredCall& call, bool there) {
  if (const SchemaVersion* const version = engine.parts.schemas.latest(Ledger::event_type); version != nullptr)
    for (const std::string& payload : call.payloads)
      if (!schema::check_payload(*version, payload))
        return Errc::schema_violation;
  if (there)
    return Errc::ok;
  if (!call.terms.expect.holds(rows_of(engine, call).size()))
    return Errc::sequence_conflict;
  if (call.terms.fail_if)
    for (const StoredCall& other : ledger.calls())
      if (speaks_of(*call.terms.fail_if, other.context_id))
        if (const Rows rows = rows_of(engine, other); !rows.empty() && rows.back().position > call.terms.fail_if->after)
          return Errc::condition_failed;
  return Errc::ok;
}

Result<Receipt> answer_to(PlainEngine& engine, const std::string& name,
                          const std::function<StorePtr(Completion)>& command) {
  std::optional<Result<Receipt>> answer;
  engine.submit(command(Completion([&answer](Result<Receipt> told) { answer = std::move(told); })));
  engine.settle();
  need(answer.has_value(), "I11: a retry of " + name + " is not answered");
  return *std::move(answer);
}

void check_retry(PlainEngine& engine, const Ledger& ledger, std::size_t number, bool there) {
  const StoredCall& call = ledger.calls()[number];
  const Rows before = rows_of(engine, call);
  const Errc due = due_answer(engine, ledger, call, there);
  const std::string name = "call " + std::to_string(number) + " of " + call.context_id;
  const auto answer = answer_to(
      engine, name, [&](Completion done) { return ledger.again(number, Durability::synced, std::move(done)); });
  if (due != Errc::ok)
    return need(answer.code() == due, "I15: a retry of " + name + " must be refused with " +
                                          std::string(to_string(due)) + " and is answered with " +
                                          std::string(to_string(answer.code())));
  const Receipt receipt = must(answer, "I11: a retry of " + name);
  need(receipt.duplicate == there, "I11: " + name + " is taken for another");
  if (!there)
    return need(receipt.sequence == before.size() + 1, "I11: a retry of the lost " + name + " has another sequence");
  const auto first =
      std::find_if(before.begin(), before.end(), [&](const Row& row) { return is_event(row, call.payloads.front()); });
  need(first != before.end() && receipt.sequence == first->sequence && receipt.position == first->position,
       "I11: a retry of " + name + " answers another place");
  const auto other =
      answer_to(engine, name, [&](Completion done) { return ledger.other_content(number, std::move(done)); });
  need(other.code() == Errc::event_id_conflict,
       "I11: other contents under the ids of " + name + " are answered with " + std::string(to_string(other.code())));
}

} // namespace

void check_conditions(const std::map<std::string, ContextRows>& contexts, const Ledger& ledger, const CallSet& there) {
  for (std::size_t number = 0; number < ledger.calls().size(); ++number) {
    const StoredCall& call = ledger.calls()[number];
    if (!there[number] || !call.terms.fail_if || (call.with && *call.with < number))
      continue; // of a call for two contexts the first has the lower position
    const Rows& own = contexts.at(call.context_id).rows;
    const auto first =
        std::find_if(own.begin(), own.end(), [&](const Row& row) { return is_event(row, call.payloads.front()); });
    for (const auto& [context, read] : contexts)
      for (const Row& row : read.rows)
        need(!speaks_of(*call.terms.fail_if, context) || row.position <= call.terms.fail_if->after ||
                 first == own.end() || row.position >= first->position,
             "I15: call " + std::to_string(number) + " of " + call.context_id +
                 " is there in spite of what its condition forbids: " + row.payload.substr(0, 60));
  }
}

void check_retries(PlainEngine& engine, const Ledger& ledger, const CallSet& there) {
  for (std::size_t number = 0; number < ledger.calls().size(); ++number)
    if (ledger.calls()[number].ids && !asked_to_close(ledger, ledger.calls()[number].context_id))
      check_retry(engine, ledger, number, there[number]);
}

} // namespace weir::trust
