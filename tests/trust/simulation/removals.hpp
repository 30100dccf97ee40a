// Truncations and deletions of contexts, and what replays gave before them.
//
// Purpose: removes the beginnings of contexts at random, and puts what is removed back in front of what is read
// afterwards, so that the judge of everything else sees whole contexts. Owner: one schedule. Threading: one thread.
// Invariants: what was asked for is in the ledger, which says whether it may, must or must not be seen.
#pragma once

#include "trust/simulation/journal.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"

#include "engine/context_mark.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace weir::trust {

class Removals {
public:
  Removals(Machine& machine, Journal& journal, std::uint64_t seed, Mistake mistake)
      : machine_(machine), journal_(journal), chance_(seed), planted_(mistake, chance_.pick(2)) {}

  /// Truncates `context` somewhere, or deletes it, for good only if it is Journal::mortal.
  void act(const std::string& context);
  void end() { ++life_; }
  /// Others remove events below `below` of `context`, which has `all` of these: notes that, and returns who is to be
  /// told the answer.
  Completion expect(const std::string& context, Rows all, Sequence below);

  /// What the engine says is removed of the context.
  [[nodiscard]] Result<ContextMark> mark(const std::string& context);
  /// `read` with the removed events of its context in front; nothing if the engine cannot say which.
  [[nodiscard]] std::optional<Rows> whole(const std::string& context, const Rows& read);
  /// The same of what a replay gives now.
  [[nodiscard]] Result<Rows> replay_whole(const std::string& context);

  [[nodiscard]] std::uint64_t asked() const noexcept { return asked_.size(); }

private:
  struct Asked {
    std::string context;
    Rows before; ///< All that was there, removed events included.
  };

  /// Whether a call to the context waits for its answer.
  [[nodiscard]] bool is_under_way(const std::string& context) const;

  Machine& machine_;
  Journal& journal_;
  Chance chance_;
  Planted planted_;
  std::uint64_t life_ = 0;
  std::deque<Asked> asked_;
};

} // namespace weir::trust
