#include "trust/model/calls.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

namespace weir::trust {

namespace {

// Long beside any store on a simulated disk; what takes longer hangs.
constexpr std::chrono::seconds patience{120};

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

void CallsUnderWay::make(Engine& engine, Reference::Events events, Manner manner, std::optional<Durability> durability,
                         Timestamp now, std::uint64_t decoration) {
  const std::string context = events.front().event.context_id;
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
  call.durability = durability.value_or(engine.options().durability);
  call.now = now;
  // While an earlier call of the shard is unanswered its inbox may be full; without one it cannot be.
  const bool busy = std::any_of(calls_.begin(), calls_.end(),
                                [&](const Call& other) { return other.shard == call.shard && !other.ready(); });
  call.may_be_refused = busy && manner != Manner::waiting;
  const StoreOptions options{durability, std::nullopt};
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
    if (call.events.front().event.context_id != context || !call.ready())
      continue;
    if (const auto receipt = call.wait(); receipt.ok())
      last = std::max(last, receipt->last_sequence());
  }
  return last;
}

std::size_t CallsUnderWay::settle(Reference& reference, bool closing) {
  std::vector<Call> calls;
  calls.swap(calls_);
  std::vector<std::pair<Receipt, std::size_t>> stored;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto answer = calls[i].wait();
    if (answer.ok())
      stored.emplace_back(*answer, i);
    else if (!(calls[i].may_be_refused && answer.code() == Errc::overloaded) &&
             !(closing && answer.code() == Errc::closing))
      throw Mismatch("a store was refused: " + to_string(answer.error()));
  }
  std::sort(stored.begin(), stored.end(),
            [](const auto& a, const auto& b) { return a.first.position < b.first.position; });
  std::map<std::string, std::size_t> latest; // the call made last, by context
  for (const auto& [receipt, i] : stored) {
    Call& call = calls[i];
    const std::string& context = call.events.front().event.context_id;
    const auto [entry, first] = latest.try_emplace(context, i);
    if (!first && entry->second > i)
      throw Mismatch(format("{} sequence {}: overtook a call made before it", context, receipt.sequence));
    entry->second = i;
    if (receipt.durability < call.durability)
      throw Mismatch(format("{} sequence {}: acknowledged as {}, asked for {}", context, receipt.sequence,
                            weir::to_string(receipt.durability), weir::to_string(call.durability)));
    const Durability safe_as = call.too_late ? Durability::buffered : receipt.durability;
    reference.stored(call.shard, std::move(call.events), receipt, safe_as, call.now);
  }
  return calls.size() - stored.size();
}

} // namespace weir::trust
