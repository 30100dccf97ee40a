#include "trust/model/calls.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace weir::trust {

namespace {

// White space around a document is not part of it.
std::string decorated(const std::string& document, std::uint64_t decoration) {
  if (document.empty() || decoration % 8 != 0)
    return document;
  return " \n" + document + "\t ";
}

} // namespace

bool CallsUnderWay::Call::ready() const {
  if (answer)
    return true;
  if (ticket)
    return ticket->ready();
  const std::lock_guard lock(called_back->mutex);
  return called_back->receipt.has_value();
}

Result<Receipt> CallsUnderWay::Call::wait() const {
  if (answer)
    return *answer;
  if (ticket) {
    auto receipt = ticket->wait_for(patience);
    if (!receipt)
      throw Mismatch("a store was not answered");
    return *receipt;
  }
  std::unique_lock lock(called_back->mutex);
  if (!called_back->changed.wait_for(lock, patience, [&] { return called_back->receipt.has_value(); }))
    throw Mismatch("a store's callback was not called");
  if (called_back->times != 1)
    throw Mismatch("a store's callback was called twice");
  return *called_back->receipt;
}

void CallsUnderWay::make(Engine& engine, const std::string& context, Reference::Events events, const Wish& wish,
                         Timestamp now, Sequence at_least, std::uint64_t decoration) {
  const auto& [manner, durability, expect] = wish;
  std::vector<Event> sent;
  for (test::KnownEvent& known : events) {
    const test::StoredEvent& event = known.event;
    Event& out = sent.emplace_back();
    if (events.size() == 1 || decoration % 3 != 0)
      out.context_id = context;
    out.event_type = event.event_type;
    out.payload = decorated(event.payload, decoration);
    out.metadata = decorated(event.metadata, decoration);
    out.event_id = event.event_id;
    if (event.timestamp != Reference::no_timestamp)
      out.timestamp = event.timestamp;
  }
  Call call;
  call.shard = engine.shard_of(context);
  call.context = context;
  call.expect = expect;
  call.at_least = std::max(at_least, acknowledged(context));
  call.durability = durability.value_or(engine.options().durability);
  call.now = now;
  // While an earlier call of the shard is unanswered its inbox may be full; without one it cannot be.
  const bool busy = std::any_of(calls_.begin(), calls_.end(),
                                [&](const Call& other) { return other.shard == call.shard && !other.ready(); });
  call.may_be_refused = busy && manner != Manner::waiting;
  const StoreOptions options{durability, std::nullopt, expect};
  const bool single = sent.size() == 1 && decoration % 5 != 0;
  switch (manner) {
  case Manner::waiting:
    call.answer =
        single ? engine.store(std::move(sent.front()), options) : engine.store(context, std::move(sent), options);
    break;
  case Manner::ticket:
    call.ticket = single ? engine.store_async(std::move(sent.front()), options)
                         : engine.store_async(context, std::move(sent), options);
    break;
  case Manner::refusable:
    call.ticket = single ? engine.try_store(std::move(sent.front()), options)
                         : engine.try_store(context, std::move(sent), options);
    break;
  case Manner::callback: {
    call.called_back = std::make_shared<Answer>();
    auto done = [to = call.called_back](Result<Receipt> receipt) {
      const std::lock_guard lock(to->mutex);
      to->receipt = std::move(receipt);
      ++to->times;
      to->changed.notify_all();
    };
    if (single)
      engine.store_async(std::move(sent.front()), std::move(done), options);
    else
      engine.store_async(context, std::move(sent), std::move(done), options);
  }
  }
  call.events = std::move(events);
  calls_.push_back(std::move(call));
}

void CallsUnderWay::mark_crash() {
  for (Call& call : calls_)
    call.too_late = !call.ready();
}

Sequence CallsUnderWay::acknowledged(const std::string& context) const {
  Sequence last = 0;
  for (const Call& call : calls_) {
    if (call.context != context || !call.ready())
      continue;
    if (const auto receipt = call.wait(); receipt.ok())
      last = std::max(last, receipt->last_sequence());
  }
  return last;
}

void CallsUnderWay::judge(Reference& reference, const Call& call, const Result<Receipt>& answer) {
  if (answer.code() == Errc::context_deleted && !reference.closed(call.context))
    throw Mismatch(call.context + ": was never deleted for good");
  if (answer.code() == Errc::context_deleted)
    return;
  if (answer.ok() && call.events.empty())
    reference.judged(call.context, call.expect, answer->last_sequence(), call.at_least, nullptr);
  else if (answer.ok())
    reference.duplicate(call.shard, call.events, *answer, call.too_late ? Durability::buffered : answer->durability);
  else if (answer.code() == Errc::event_id_conflict)
    reference.id_conflict(call.events, answer.error());
  else
    reference.judged(call.context, call.expect, answer.error().conflicts.at(0).current, call.at_least, &answer.error());
}

std::size_t CallsUnderWay::settle(Reference& reference, bool closing) {
  std::vector<Call> calls;
  calls.swap(calls_);
  std::vector<std::pair<Receipt, std::size_t>> stored;
  std::vector<std::pair<Result<Receipt>, std::size_t>> others; // nothing was stored for them
  std::size_t refused = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto answer = calls[i].wait();
    if (answer.ok() && answer->durability < calls[i].durability)
      throw Mismatch(format("{} sequence {}: acknowledged as {}, asked for {}", calls[i].context, answer->sequence,
                            weir::to_string(answer->durability), weir::to_string(calls[i].durability)));
    if (answer.ok() && answer->events != 0 && !answer->duplicate)
      stored.emplace_back(*answer, i);
    else if (answer.ok() || answer.code() == Errc::sequence_conflict || answer.code() == Errc::event_id_conflict ||
             answer.code() == Errc::context_deleted)
      others.emplace_back(answer, i);
    else if ((calls[i].may_be_refused && answer.code() == Errc::overloaded) ||
             (closing && answer.code() == Errc::closing))
      ++refused;
    else
      throw Mismatch("a store was refused: " + to_string(answer.error()));
  }
  std::sort(stored.begin(), stored.end(),
            [](const auto& a, const auto& b) { return a.first.position < b.first.position; });
  std::map<std::string, std::size_t> latest; // the call made last, by context
  for (const auto& [receipt, i] : stored) {
    Call& call = calls[i];
    const auto [entry, first] = latest.try_emplace(call.context, i);
    if (!first && entry->second > i)
      throw Mismatch(format("{} sequence {}: overtook a call made before it", call.context, receipt.sequence));
    entry->second = i;
    if (!call.expect.holds(receipt.sequence - 1, reference.first_live(call.context)) || reference.closed(call.context))
      throw Mismatch(format("{} sequence {}: stored, though {} was expected", call.context, receipt.sequence,
                            weir::to_string(call.expect)));
    const Durability safe_as = call.too_late ? Durability::buffered : receipt.durability;
    reference.stored(call.shard, std::move(call.events), receipt, safe_as, call.now);
  }
  for (const auto& [answer, i] : others)
    judge(reference, calls[i], answer);
  return refused;
}

} // namespace weir::trust
