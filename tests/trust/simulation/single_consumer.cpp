// The single consumer: what it has dealt with is kept here, outside the data, before its checkpoint is.
#include "trust/simulation/consumer_clients.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

constexpr const char* single_name = "single";

} // namespace

void ConsumerClients::act_single() {
  if (!single_) {
    if (chance_.one_in(12) && opened_single_)
      return reset_single();
    open_single();
    return;
  }
  switch (chance_.pick(12)) {
  case 0: single_.reset(); return;
  case 1: return open_twice();
  case 2:
  case 3:
  case 4: return keep_checkpoint();
  default: read_single(); return;
  }
}

bool ConsumerClients::open_single() {
  auto opened = machine_.wait_for(
      [&] { return machine_.engine().consumers().open(single_name, {.batch_events_max = 1 + chance_.pick(32)}); });
  if (!opened) {
    journal_.refused("opening a consumer", opened.error());
    return false;
  }
  opened_single_ = true;
  read_to_ = opened->position();
  if (!checkpoints_.contains(read_to_))
    journal_.wrong(
        format("I15: a consumer goes on at {}, its last checkpoint was {}", read_to_, *checkpoints_.rbegin()));
  checkpoints_ = {read_to_};
  single_.emplace(std::move(*opened));
  return true;
}

void ConsumerClients::open_twice() {
  const auto twice = machine_.wait_for([&] { return machine_.engine().consumers().open(single_name); });
  if (twice)
    journal_.wrong("I15: a consumer is open twice");
  else if (twice.code() != Errc::locked)
    journal_.refused("opening a consumer twice", twice.error());
}

bool ConsumerClients::read_single() {
  const auto batch = single_->next(std::chrono::milliseconds(0));
  if (!batch) {
    journal_.refused("the events of a consumer", batch.error());
    single_.reset();
    return false;
  }
  for (const EventView& event : batch->events) {
    ++counts_.deliveries;
    if (event.position < read_to_ || event.position >= batch->next)
      journal_.wrong(
          format("I15: a consumer is given position {} between {} and {}", event.position, read_to_, batch->next));
    read_to_ = event.position + 1;
    journal_.vouch_for(event, "a consumer");
    dealt_with_.emplace(event.position, event.payload);
  }
  if (batch->next < read_to_)
    journal_.wrong("I15: what a consumer is given goes back");
  read_to_ = batch->next;
  given_to_ = std::max(given_to_, read_to_);
  return true;
}

void ConsumerClients::keep_checkpoint() {
  ++counts_.checkpoints;
  if (read_to_ != single_->position() && planted_.now(Mistake::checkpoint_lost)) {
    checkpoints_ = {read_to_};
    return;
  }
  const Status kept = machine_.wait_for([&] { return single_->checkpoint(read_to_); });
  if (kept) {
    checkpoints_ = {read_to_};
    return;
  }
  journal_.refused("a checkpoint", kept.error());
  checkpoints_.insert(read_to_);
  single_.reset();
}

void ConsumerClients::reset_single() {
  const Status status = machine_.wait_for([&] { return machine_.engine().consumers().reset(single_name, {}); });
  if (!status)
    journal_.refused("a reset of a consumer", status.error());
  else
    checkpoints_.clear();
  checkpoints_.insert(first_place);
}

} // namespace weir::trust
