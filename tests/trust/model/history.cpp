#include "trust/model/history.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <map>

namespace weir::trust {

namespace {

constexpr std::uint64_t never = UINT64_MAX;

/// All attempts to store the same events.
struct Call {
  std::uint64_t id = 0;
  std::uint32_t events = 0;
  std::optional<Sequence> expected{};
  std::uint64_t made = never;     ///< Not stored before.
  std::uint64_t answered = never; ///< Acknowledged, at the earliest.
  std::uint64_t synced = never;   ///< The same, as synced.
  Sequence sequence = 0;          ///< As acknowledged.
  Position position = 0;
  std::size_t firsts = 0;  ///< Attempts that were told that they were the first.
  std::size_t unknown = 0; ///< Attempts that may have been.
  bool duplicate = false;  ///< Some attempt was told that it was not.
};

struct Judge {
  const ContextHistory& history;
  std::map<std::uint64_t, Call> calls{};
  std::map<std::uint64_t, Sequence> found{}; ///< First sequence of each call in the content.

  void require(bool holds, const std::string& what) const {
    if (!holds)
      throw Mismatch(history.context + ": " + what);
  }

  void gather() {
    for (const StoreCall& attempt : history.stores) {
      Call& call = calls[attempt.id];
      call.id = attempt.id;
      call.events = attempt.events;
      call.expected = attempt.expected;
      if (attempt.refused || attempt.told)
        continue;
      call.made = std::min(call.made, attempt.made);
      if (attempt.sequence == 0) {
        ++call.unknown;
        continue;
      }
      require(call.sequence == 0 || (call.sequence == attempt.sequence && call.position == attempt.position),
              format("call {} was acknowledged at {}, and at {}", call.id, call.sequence, attempt.sequence));
      call.sequence = attempt.sequence;
      call.position = attempt.position;
      call.answered = std::min(call.answered, attempt.answered);
      if (attempt.synced)
        call.synced = std::min(call.synced, attempt.answered);
      call.firsts += attempt.duplicate ? 0 : 1;
      call.duplicate = call.duplicate || attempt.duplicate;
    }
    for (const StoreCall& attempt : history.stores)
      if (attempt.sequence != 0 && !attempt.duplicate)
        calls[attempt.id].made = attempt.made; // this one, not another attempt before
  }

  // Of all attempts one is the first, whatever the others expected meanwhile.
  void check_attempts() const {
    for (const auto& [id, call] : calls) {
      require(call.firsts <= 1, format("{} attempts of call {} were the first", call.firsts, id));
      require(!call.duplicate || call.firsts + call.unknown != 0, format("no attempt of call {} was the first", id));
    }
    for (const StoreCall& attempt : history.stores)
      require(!attempt.told || calls.at(attempt.id).answered > attempt.made,
              format("call {} was acknowledged, and then refused for what it expected", attempt.id));
  }

  // Every event is one of a call, every call is there whole and once, or not at all.
  void check_content() {
    for (std::size_t i = 0; i < history.content.size();) {
      const std::uint64_t id = history.content[i].call;
      require(calls.contains(id), format("sequence {}: nobody stored this", i + 1));
      const Call& call = calls[id];
      require(!found.contains(id), format("sequence {}: call {} is there twice", i + 1, id));
      require(call.made != never, format("sequence {}: call {} was refused", i + 1, id));
      require(!call.expected || *call.expected == i,
              format("sequence {}: call {} expected sequence {}", i + 1, id, call.expected.value_or(0)));
      for (std::uint32_t k = 0; k < call.events; ++k, ++i)
        require(i < history.content.size() && history.content[i] == EventId{id, k},
                format("sequence {}: event {} of call {} was expected", i + 1, k, id));
      found[id] = i + 1 - call.events;
    }
    for (const auto& [id, call] : calls)
      if (call.sequence != 0)
        require(found.contains(id) && found[id] == call.sequence,
                format("call {} was acknowledged at {}, and is not there", id, call.sequence));
  }

  // Who is refused is told where the context stood at some moment of the call, and of the event that was last then.
  void check_told(const StoreCall& loser) const {
    const auto& [current, position] = *loser.told;
    const auto told = [&, now = current] { return format("call {} was told of sequence {}", loser.id, now); };
    require(loser.expected && *loser.expected != current, told() + ", which it expected");
    require(current <= history.content.size(), told() + ", which was never there");
    require((current != 0) == (position != 0), told() + " without its receipt");
    if (current != 0) {
      const EventId last = history.content[current - 1];
      const Call& call = calls.at(last.call);
      require(last.index + 1 == call.events, told() + ", which is half a call");
      require(call.made < loser.answered, told() + ", which was stored later");
      require(call.position == 0 || call.position + last.index == position, told() + " by another position");
    }
    for (const auto& [id, sequence] : found)
      require(calls.at(id).answered > loser.made || sequence + calls.at(id).events - 1 <= current,
              told() + format(", though call {} had been acknowledged", id));
    for (const StoreCall& other : history.stores)
      require(!other.told || other.answered > loser.made || other.told->current <= current,
              told() + format(", after call {} was told of {}", other.id, other.told ? other.told->current : 0));
    for (const ReadCall& read : history.reads) {
      require(read.answered > loser.made || read.seen.size() <= current, told() + ", after more was read");
      require(loser.answered > read.made || read.seen.size() >= current, told() + ", and then less was read");
    }
  }

  // Acknowledged before another was made: lower sequence.
  void check_order() const {
    std::vector<std::pair<Sequence, const Call*>> order;
    for (const auto& [id, sequence] : found)
      order.emplace_back(sequence, &calls.at(id));
    std::sort(order.begin(), order.end());
    std::uint64_t latest_made = 0;
    for (const auto& [sequence, call] : order) {
      require(call->answered > latest_made,
              format("call {} has sequence {}, but was answered before one with a lower sequence was made", call->id,
                     sequence));
      latest_made = std::max(latest_made, call->made);
    }
  }

  void check_read(const ReadCall& read) const {
    const Sequence length = read.seen.size();
    require(length <= history.content.size() && std::equal(read.seen.begin(), read.seen.end(), history.content.begin()),
            format("a read of {} events is no beginning of the context", length));
    for (const auto& [id, sequence] : found) {
      const Call& call = calls.at(id);
      const bool seen = sequence <= length;
      require(!seen || sequence + call.events - 1 <= length, format("a read saw a part of call {}", id));
      require(!seen || call.made < read.answered, format("a read saw call {}, which was made later", id));
      require(seen || call.answered > read.made, format("a read missed call {}, acknowledged before", id));
    }
    for (const ReadCall& other : history.reads)
      require(other.made < read.answered || other.seen.size() >= length,
              format("a later read saw {} events, an earlier one {}", other.seen.size(), length));
  }

  void check_cut() const {
    if (history.cut_began == 0)
      return;
    const Sequence length = history.after_cut.size();
    require(length <= history.content.size() &&
                std::equal(history.after_cut.begin(), history.after_cut.end(), history.content.begin()),
            format("after a power cut {} events are left that are no beginning of the context", length));
    for (const auto& [id, sequence] : found) {
      const Call& call = calls.at(id);
      const bool left = sequence <= length;
      require(!left || sequence + call.events - 1 <= length, format("a power cut left a part of call {}", id));
      require(!left || call.made < history.cut_ended, format("a power cut left call {}, made later", id));
      if (!left && call.synced < history.cut_began)
        throw Mismatch(
            format("{}: call {} was acknowledged as synced before a power cut, and is gone", history.context, id),
            true);
    }
  }
};

} // namespace

void judge(const ContextHistory& history) {
  Judge judge{history};
  judge.gather();
  judge.check_attempts();
  judge.check_content();
  judge.check_order();
  for (const StoreCall& call : history.stores)
    if (call.told)
      judge.check_told(call);
  for (const ReadCall& read : history.reads)
    judge.check_read(read);
  judge.check_cut();
}

} // namespace weir::trust
