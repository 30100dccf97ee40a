// The event queue of a scenario.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

namespace weir::trust {

std::map<Position, std::string> Runner::read_queue(Position& checkpoint) {
  std::map<Position, std::string> events;
  SubscribeOptions options;
  options.follow = false;
  options.batch_events_max = 1 + test::pick(random_, 100);
  auto queue = engine_->subscribe(options);
  expect(queue.ok(), "no event queue");
  while (true) {
    const auto batch = queue->next();
    if (!batch)
      throw Mismatch("event queue: " + to_string(batch.error()));
    for (const EventView& event : batch->events) {
      expect(events.empty() || event.position > events.rbegin()->first, "the event queue is out of order");
      events.emplace(event.position, describe(event));
    }
    checkpoint = batch->next;
    if (batch->ended)
      return events;
  }
}

void Runner::check_queue() {
  Position checkpoint = 0;
  const auto queued = read_queue(checkpoint);
  std::map<Position, std::string> expected; // what comes later may be unsynced still, what is removed still there
  for (const auto& [context, events] : reference_->contexts())
    for (const test::KnownEvent& known : events)
      if (known.event.position < checkpoint &&
          (known.event.sequence >= reference_->first_live(context) || queued.contains(known.event.position)))
        expected.emplace(known.event.position, describe(known.event.view()));
  if (queued != expected)
    throw Mismatch(format("event queue: {} events below position {}, expected {} (or others)", queued.size(),
                          checkpoint, expected.size()));
}

} // namespace weir::trust
