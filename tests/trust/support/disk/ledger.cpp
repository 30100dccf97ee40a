#include "trust/support/disk/ledger.hpp"

#include "engine/check.hpp"
#include "engine/event_codec.hpp"
#include "engine/io/random.hpp"
#include "trust/support/disk/planted.hpp"

#include <algorithm>
#include <map>

namespace weir::trust {

std::vector<Event> Ledger::send(const std::string& context_id, ShardId shard, unsigned events, std::size_t bytes) {
  const std::size_t number = calls_.size();
  WEIR_CHECK(number < calls_max);
  StoredCall& noted = calls_.emplace_back();
  noted.context_id = context_id;
  noted.shard = shard;
  for (unsigned i = 0; i < events; ++i) {
    std::string payload =
        "{\"from\":\"" + name_ + "\",\"call\":" + std::to_string(number) + ",\"event\":" + std::to_string(i);
    constexpr std::size_t rest_bytes = 10; // of ,"more":""}
    if (payload.size() + rest_bytes < bytes) {
      payload += ",\"more\":\"";
      // By chance, so that no byte is like that of another event; and half of it compressible, as real text is.
      const auto random = io::make_seeded_random(number << 32U | i);
      const std::size_t half = payload.size() + (bytes - payload.size()) / 2;
      while (payload.size() + 2 < bytes)
        payload += payload.size() < half ? static_cast<char>('a' + random->next() % 26) : '.';
      payload += '"';
    }
    noted.payloads.push_back(payload + "}");
  }
  return events_of(number);
}

void Ledger::tie_last_two() {
  const std::size_t last = calls_.size() - 1;
  calls_[last].with = last - 1;
  calls_[last - 1].with = last;
}

std::vector<Event> Ledger::events_of(std::size_t number) const {
  const StoredCall& call = calls_[number];
  std::vector<Event> events;
  for (const std::string& payload : call.payloads) {
    Event& event = events.emplace_back(Event{.event_type = event_type, .payload = payload});
    if (call.ids)
      event.event_id = name_ + "-" + std::to_string(number) + "-" + std::to_string(events.size());
  }
  return events;
}

StorePtr Ledger::again(std::size_t number, Durability durability, Completion done) const {
  return command(number, events_of(number), durability, std::move(done));
}

StorePtr Ledger::other_content(std::size_t number, Completion done) const {
  std::vector<Event> events = events_of(number);
  for (Event& event : events)
    event.payload = R"({"from":"somebody else","call":0,"event":0})";
  return command(number, events, Durability::synced, std::move(done));
}

StorePtr Ledger::command(std::size_t number, const std::vector<Event>& events, Durability durability,
                         Completion done) const {
  const StoredCall& call = calls_[number];
  auto command = std::make_unique<StoreCommand>();
  command->context_id = call.context_id;
  encode_call(command->context_id, events, command->encoded);
  command->events = static_cast<std::uint32_t>(events.size());
  command->durability = durability;
  command->expect = call.terms.expect;
  if (call.terms.fail_if) {
    command->fail_if = std::make_unique<FailIf>(*call.terms.fail_if);
    command->looked_to = command->fail_if->after;
  }
  command->sender = calls_max + number;
  command->done = std::move(done);
  return command;
}

void Ledger::answered(std::size_t number, Result<Receipt> answer) {
  if (is_planted(Planted::conflict_taken_for_receipt) && answer.code() == Errc::sequence_conflict)
    answer = Receipt{answer.error().conflicts[0].current + 1, 1, 1, Durability::synced, false};
  ++calls_[number].answers;
  calls_[number].answer = std::move(answer);
}

StorePtr Ledger::call(const std::string& context_id, ShardId shard, Durability durability, unsigned events,
                      std::size_t bytes, bool ids, const Terms& terms) {
  const std::size_t number = calls_.size();
  static_cast<void>(send(context_id, shard, events, bytes));
  calls_[number].ids = ids;
  calls_[number].terms = terms;
  calls_[number].durability = durability;
  StorePtr command = again(number, durability, {});
  command->sender = number;
  command->done = Completion([this, number, life = std::weak_ptr<bool>(alive_)](Result<Receipt> answer) {
    if (!life.expired())
      answered(number, std::move(answer));
  });
  return command;
}

StorePtr Ledger::together(const std::string& one, const std::string& other, ShardId shard, Durability durability,
                          unsigned events, std::size_t bytes, bool ids, const Terms& of_one,
                          const Expectation& of_other) {
  const std::size_t number = calls_.size();
  for (const std::string& context_id : {one, other}) {
    const std::size_t with = context_id == one ? number + 1 : number;
    static_cast<void>(send(context_id, shard, events, bytes));
    calls_.back().ids = ids;
    calls_.back().with = with;
    calls_.back().durability = durability;
    calls_.back().terms = {context_id == one ? of_one.expect : of_other, of_one.fail_if};
  }
  StorePtr command = again(number, durability, {});
  StorePtr second = again(number + 1, durability, {});
  command->sender = number;
  command->more.push_back({second->context_id, std::move(second->encoded), second->events, of_other});
  command->receipts = std::make_shared<std::vector<Receipt>>();
  command->done = Completion(
      [this, number, receipts = command->receipts, life = std::weak_ptr<bool>(alive_)](Result<Receipt> answer) {
        if (life.expired())
          return;
        for (std::size_t i = 0; i < 2; ++i)
          answered(number + i, answer ? Result<Receipt>((*receipts)[i]) : answer);
      });
  return command;
}

StorePtr Ledger::removal(const std::string& context_id, const RemovalRequest& request) {
  const std::size_t number = removals_.size();
  removals_.push_back({context_id, request, std::nullopt});
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context_id;
  command->removal = request;
  command->sender = 2 * calls_max + number;
  command->done = Completion([this, number, life = std::weak_ptr<bool>(alive_)](Result<Receipt> answer) {
    if (!life.expired())
      removals_[number].answer = std::move(answer);
  });
  return command;
}

std::function<void(const Status&)> Ledger::ask(std::deque<AskedRecord>& records, const std::string& name,
                                               const std::string& text) {
  AskedRecord& asked = records.emplace_back(AskedRecord{name, text, std::nullopt}); // stays where it is
  return [&asked, life = std::weak_ptr<bool>(alive_)](const Status& answer) {
    if (!life.expired())
      asked.answer = answer;
  };
}

std::function<void(const Status&)> Ledger::view(const std::string& name, const std::string& text) {
  return ask(views_, name, text);
}

std::function<void(const Status&)> Ledger::record(const std::string& name, const std::string& text) {
  return ask(records_, name, text);
}

void Ledger::end_life() {
  alive_ = std::make_shared<bool>(true);
  life_began_ = calls_.size();
}

void Ledger::end_machine() {
  end_life();
  safe_ = must_be_there(false);
  for (std::size_t i = 0; i < calls_.size(); ++i)
    if (!safe_[i])
      calls_[i].answer.reset();
}

void Ledger::begin_life(const CallSet& shown) {
  end_life();
  safe_ = shown;
  for (std::size_t i = 0; i < calls_.size(); ++i)
    if (!safe_[i])
      calls_[i].answer.reset();
}

void Ledger::seen(Position position, std::string_view payload) {
  seen_.emplace(position, payload);
  for (std::size_t i = 0; i < calls_.size(); ++i)
    if (std::find(calls_[i].payloads.begin(), calls_[i].payloads.end(), payload) != calls_[i].payloads.end())
      safe_.set(i);
}

CallSet Ledger::must_be_seen() const {
  CallSet calls = safe_;
  for (std::size_t i = life_began_; i < calls_.size(); ++i)
    if (calls_[i].acknowledged())
      calls.set(i);
  return calls;
}

/// Where the event is that stands against a call, if its own call was acknowledged.
std::optional<Position> Ledger::rests_on(const Conflict& conflict) const {
  for (const StoredCall& call : calls_)
    if (call.acknowledged() && call.context_id == conflict.context_id) {
      const Receipt& receipt = **call.answer;
      if (conflict.current >= receipt.sequence && conflict.current < receipt.sequence + call.payloads.size())
        return receipt.position + (conflict.current - receipt.sequence);
    }
  return std::nullopt;
}

CallSet Ledger::must_be_there(bool process_only) const {
  // A synced receipt vouches for everything before it in its shard.
  std::map<ShardId, Position> synced;
  for (const StoredCall& call : calls_) {
    if (call.acknowledged() && (*call.answer)->durability == Durability::synced)
      synced[call.shard] = std::max(synced[call.shard], (*call.answer)->position);
    // So does a refusal, for what it rests on.
    if (call.refused() && call.durability == Durability::synced)
      for (const Conflict& conflict : call.answer->error().conflicts)
        if (const auto position = rests_on(conflict))
          synced[call.shard] = std::max(synced[call.shard], *position);
  }
  CallSet calls = safe_;
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    const StoredCall& call = calls_[i];
    if (!call.acknowledged())
      continue;
    const auto reached = synced.find(call.shard);
    if ((reached != synced.end() && (*call.answer)->position <= reached->second) ||
        (process_only && (*call.answer)->durability >= Durability::written))
      calls.set(i);
  }
  return calls;
}

} // namespace weir::trust
