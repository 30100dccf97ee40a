#include "trust/kills/snapshots_host.hpp"

#include "trust/kills/replay_host.hpp"
#include "trust/kills/speech.hpp"
#include "trust/kills/workload.hpp"

#include <string>

namespace weir::trust {

namespace {

constexpr std::string_view snapshot_tags[] = {"fold-1", "fold-2"};
/// Some that are stored to often, and some of groups.
constexpr std::uint32_t kept_contexts[] = {0, 1, 2, 3, 4, 5, 60, 120, 160, 161, 162, 163};
constexpr std::uint64_t acks_of_a_save = 8;
constexpr std::uint64_t state_bytes_more = 6'000; // so that some fill more than a page

/// What somebody makes of the events of a context.
struct Fold {
  Sequence sequence = 0;
  std::uint64_t state = 0;
  Position position = 0;
  void add(const EventView& event) {
    state = fingerprint(event.payload, event.sequence, event.position, std::to_string(state));
    sequence = event.sequence;
    position = event.position;
  }
};

LoadedContext load(const Engine& engine, const std::string& context, std::string_view tag) {
  auto loaded = engine.load(context, tag);
  if (!loaded)
    give_up("load of " + context + ": " + to_string(loaded.error()));
  return *std::move(loaded);
}

/// Sequence and bytes of a snapshot; "0 0": there is none.
std::string in_words(const std::optional<Snapshot>& snapshot) {
  return snapshot ? format("{} {}", snapshot->sequence, mark_of_state(snapshot->state)) : "0 0";
}

} // namespace

void SnapshotKeeper::show(std::uint32_t context, std::string_view tag) const {
  const std::string name = kill_context_name(context);
  LoadedContext loaded = load(engine_, name, tag);
  Sequence last = loaded.snapshot ? loaded.snapshot->sequence : 0;
  std::uint64_t chain = 0;
  read_to_end(loaded.events, name, [&](const EventView& event) {
    last = event.sequence;
    chain = chained(chain, last, event.position);
  });
  say(format("loaded {} {} {} {} {}", context, tag, in_words(loaded.snapshot), last, chain));
}

void SnapshotKeeper::show() const {
  for (const std::uint32_t context : kept_contexts)
    for (const std::string_view tag : snapshot_tags)
      show(context, tag);
}

/// A snapshot, if there is one, and the events after it give what all events give; of them, or of some, one is saved.
void SnapshotKeeper::keep(std::uint32_t context, std::string_view tag, Dice& dice) {
  const std::string name = kill_context_name(context);
  LoadedContext loaded = load(engine_, name, tag);
  say(format("has {} {} {}", context, tag, in_words(loaded.snapshot)));
  Fold fold, whole, some;
  if (loaded.snapshot)
    fold = {loaded.snapshot->sequence, number(loaded.snapshot->state), 0};
  read_to_end(loaded.events, name, [&](const EventView& event) {
    if (event.sequence != fold.sequence + 1)
      give_up(format("a load of {} goes on with event {} behind {}", name, event.sequence, fold.sequence));
    fold.add(event);
  });
  replay(engine_, name, 1, [&](const EventView& event) {
    if (event.sequence > fold.sequence)
      return;
    whole.add(event);
    if (dice.below(8) == 0)
      some = whole;
  });
  if (whole.sequence != fold.sequence || whole.state != fold.state)
    give_up(format("{}: what its snapshot and the rest give is not what all its {} events give", name, whole.sequence));
  if (dice.below(16) == 0) {
    say(format("drops {}", context));
    if (const Status dropped = engine_.drop_snapshot(name); !dropped)
      give_up("dropping the snapshot of " + name + ": " + to_string(dropped.error()));
    return say(format("dropped {}", context));
  }
  const Fold& saved = dice.below(4) == 0 ? some : whole;
  if (saved.sequence == 0)
    return;
  std::string state = std::to_string(saved.state) + " ";
  state.append(dice.below(state_bytes_more), static_cast<char>('a' + dice.below(26)));
  say(format("saves {} {} {} {} {}", context, saved.sequence, saved.position, tag, mark_of_state(state)));
  if (const Status done = engine_.save_snapshot(name, saved.sequence, state, tag); !done)
    give_up("a snapshot of " + name + ": " + to_string(done.error()));
  say(format("saved {}", context));
}

void SnapshotKeeper::begin() {
  thread_ = std::thread([this] {
    Dice dice(orders_.seed * 43 + orders_.life);
    while (wait_for_stores(stored_, stopping_, dice.below(acks_of_a_save))) {
      const std::uint32_t context = kept_contexts[dice.below(std::size(kept_contexts))];
      keep(context, snapshot_tags[dice.below(std::size(snapshot_tags))], dice);
    }
  });
}

void SnapshotKeeper::join() {
  if (thread_.joinable())
    thread_.join();
}

} // namespace weir::trust
