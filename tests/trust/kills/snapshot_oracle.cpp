#include "trust/kills/snapshot_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/speech.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

void SnapshotTotals::add(const SnapshotTotals& other) noexcept {
  saved += other.saved;
  dropped += other.dropped;
  in_doubt += other.in_doubt;
  loaded += other.loaded;
  lost_event += other.lost_event;
}

bool SnapshotOracle::take(std::string_view word, std::string_view line) {
  if (word != "saves" && word != "saved" && word != "drops" && word != "dropped" && word != "has" && word != "loaded")
    return false;
  const auto context = static_cast<std::uint32_t>(number(take_word(line)));
  if (word == "saves") {
    Saved saved;
    saved.sequence = number(take_word(line));
    saved.position = number(take_word(line));
    saved.tag = take_word(line);
    saved.mark = number(line);
    saved.fresh = true;
    contexts_[context].pending = Maybe(std::move(saved));
  } else if (word == "drops") {
    contexts_[context].pending = Maybe();
  } else if (word == "saved" || word == "dropped") {
    ++(word == "saved" ? totals_.saved : totals_.dropped);
    settle(context);
  } else {
    gave(context, line, word == "loaded");
  }
  return true;
}

bool SnapshotOracle::stands(std::uint32_t context, const Saved& saved) const {
  return saved.fresh || position_of_(context, saved.sequence) == saved.position;
}

/// One of a later event stays, if that is there.
void SnapshotOracle::apply(std::uint32_t context, const Maybe& before, const Maybe& asked,
                           std::vector<Maybe>& after) const {
  const bool later = before && asked && before->position > asked->position;
  if (later)
    after.push_back(before);
  if (!later || !stands(context, *before))
    after.push_back(asked);
}

void SnapshotOracle::settle(std::uint32_t number) {
  Context& context = contexts_[number];
  const auto asked = std::exchange(context.pending, std::nullopt);
  if (!asked)
    return complain_(format("something was answered about a snapshot of context {} that nobody asked for", number));
  for (const Maybe& before : std::exchange(context.possible, {}))
    apply(number, before, *asked, context.possible);
}

void SnapshotOracle::ended() {
  for (auto& [number, context] : contexts_) {
    if (const auto asked = std::exchange(context.pending, std::nullopt)) {
      ++totals_.in_doubt;
      const std::vector<Maybe> before = context.possible;
      for (const Maybe& each : before)
        apply(number, each, *asked, context.possible);
    }
    for (Maybe& each : context.possible)
      if (each)
        each->fresh = false;
  }
}

/// With `opened` nobody has stored since, and a showing has found everything.
void SnapshotOracle::gave(std::uint32_t number, std::string_view line, bool opened) {
  Context& context = contexts_[number];
  const std::string_view tag = take_word(line);
  const Sequence sequence = trust::number(take_word(line)); // 0: it gave none
  const std::uint64_t mark = trust::number(take_word(line));
  const std::vector<Maybe> before = context.possible;
  std::erase_if(context.possible, [&](const Maybe& each) {
    if (!each || each->tag != tag)
      return sequence != 0;
    const bool is_it = each->sequence == sequence && each->mark == mark;
    const bool there = stands(number, *each);
    // In the midst of a life nobody knows yet what a kill before it took.
    return opened ? (there ? !is_it : sequence != 0) : !is_it && (there || sequence != 0);
  });
  if (context.possible.empty()) {
    const Maybe& last = before.back();
    complain_(format("context {} {} with tag {}, and {}", number,
                     sequence == 0 ? "has no snapshot" : format("has a snapshot of event {}", sequence), tag,
                     !last ? "there must be none"
                           : format("one of event {} with tag {} was saved", last->sequence, last->tag)));
    context.possible = before;
  }
  if (!opened)
    return;
  totals_.loaded += sequence != 0 ? 1 : 0;
  totals_.lost_event += sequence == 0 && std::any_of(before.begin(), before.end(),
                                                     [&](const Maybe& each) {
                                                       return each && each->tag == tag && !stands(number, *each);
                                                     })
                            ? 1
                            : 0;
  went_on(number, sequence + 1, line);
}

void SnapshotOracle::went_on(std::uint32_t context, Sequence from, std::string_view line) {
  Sequence next = from;
  std::uint64_t chain = 0;
  for (Position position = position_of_(context, next); position != 0; position = position_of_(context, ++next))
    chain = chained(chain, next, position);
  const Sequence last = number(take_word(line));
  if (last + 1 != next)
    complain_(format("a load of context {} goes on from {} up to event {}, and the last one is {}", context, from, last,
                     next - 1));
  else if (number(line) != chain)
    complain_(format("a load of context {} goes on from {} with other events than are there", context, from));
}

} // namespace weir::trust
