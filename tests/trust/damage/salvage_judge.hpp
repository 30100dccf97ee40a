// Salvages a damaged directory and says whether everything came out that the damage did not touch.
//
// Purpose: an event that a whole file holds must be saved, byte for byte and in its place in its context; what is not
// saved must be reported. Owner: a worker. Threading: one thread.
#pragma once

#include "trust/damage/damage.hpp"
#include "trust/damage/fixture.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

struct SalvageVerdict {
  std::vector<std::string> wrong;
  std::uint64_t saved = 0;
  std::uint64_t lost = 0;
};

class SalvageJudge {
public:
  explicit SalvageJudge(const Fixture& fixture);
  [[nodiscard]] SalvageVerdict judge(const Damage& damage) const;

private:
  using EventName = std::pair<std::string, Sequence>;
  const Fixture& fixture_;
  std::map<EventName, std::set<std::string>> homes_; ///< The files that hold an event.
};

} // namespace weir::trust
