#include "trust/model/history.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <map>

namespace weir::trust {

namespace {

struct Judge {
  const ContextHistory& history;
  std::map<std::uint64_t, const StoreCall*> by_id{};
  std::map<std::uint64_t, Sequence> found{}; ///< First sequence of each call in the content.

  void require(bool holds, const std::string& what) const {
    if (!holds)
      throw Mismatch(history.context + ": " + what);
  }

  // Every event is one of a call, every call is there whole and once, or not at all.
  void check_content() {
    for (const StoreCall& call : history.stores)
      by_id[call.id] = &call;
    for (std::size_t i = 0; i < history.content.size();) {
      const std::uint64_t id = history.content[i].call;
      require(by_id.contains(id), format("sequence {}: nobody stored this", i + 1));
      const StoreCall& call = *by_id[id];
      require(!found.contains(id), format("sequence {}: call {} is there twice", i + 1, id));
      require(!call.refused, format("sequence {}: call {} was refused", i + 1, id));
      for (std::uint32_t k = 0; k < call.events; ++k, ++i)
        require(i < history.content.size() && history.content[i] == EventId{id, k},
                format("sequence {}: event {} of call {} was expected", i + 1, k, id));
      found[id] = i + 1 - call.events;
    }
    for (const StoreCall& call : history.stores)
      if (call.sequence != 0)
        require(found.contains(call.id) && found[call.id] == call.sequence,
                format("call {} was acknowledged at {}, and is not there", call.id, call.sequence));
  }

  // Acknowledged before another was made: lower sequence.
  void check_order() const {
    std::vector<std::pair<Sequence, const StoreCall*>> order;
    for (const auto& [id, sequence] : found)
      order.emplace_back(sequence, by_id.at(id));
    std::sort(order.begin(), order.end());
    std::uint64_t latest_made = 0;
    for (const auto& [sequence, call] : order) {
      require(call->sequence == 0 || call->answered > latest_made,
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
      const StoreCall& call = *by_id.at(id);
      const bool seen = sequence <= length;
      require(!seen || sequence + call.events - 1 <= length, format("a read saw a part of call {}", id));
      require(!seen || call.made < read.answered, format("a read saw call {}, which was made later", id));
      require(seen || call.sequence == 0 || call.answered > read.made,
              format("a read missed call {}, acknowledged before", id));
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
      const StoreCall& call = *by_id.at(id);
      const bool left = sequence <= length;
      require(!left || sequence + call.events - 1 <= length, format("a power cut left a part of call {}", id));
      require(!left || call.made < history.cut_ended, format("a power cut left call {}, made later", id));
      if (!left && call.synced && call.answered < history.cut_began)
        throw Mismatch(
            format("{}: call {} was acknowledged as synced before a power cut, and is gone", history.context, id),
            true);
    }
  }
};

} // namespace

void judge(const ContextHistory& history) {
  Judge judge{history};
  judge.check_content();
  judge.check_order();
  for (const ReadCall& read : history.reads)
    judge.check_read(read);
  judge.check_cut();
}

} // namespace weir::trust
