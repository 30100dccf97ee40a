// Opens a damaged directory, reads all of it, and says whether the engine was honest about it.
//
// Purpose: promises P7 and P8 as one question. The directory is opened by the engine's own code, but without actors and
// threads, since that has to happen hundreds of thousands of times; run_engine() asks a whole engine the same.
// Allowed are the data as stored and `corruption` (or `incompatible`) that names file and place; of the last, unsealed
// file of a log also a cut at its end, as far as the damage's author says. Owner: a worker. Threading: one thread.
#pragma once

#include "trust/damage/damage.hpp"
#include "trust/damage/fixture.hpp"

#include <weir/query_result.hpp>

#include <string>
#include <vector>

namespace weir::trust {

struct Verdict {
  std::vector<std::string> wrong; ///< What must not be; empty: the engine was honest.
  bool refused = false;           ///< Something answered an error.
  bool cut = false;               ///< The end of a log is gone, as it may be.
  bool found = false;             ///< verify said so.
};

class Judge {
public:
  explicit Judge(const Fixture& fixture);

  [[nodiscard]] Verdict judge(const Damage& damage) const;
  /// The same with a whole engine, its threads and actors.
  [[nodiscard]] Verdict judge_engine(const Damage& damage) const;

private:
  struct Answers;
  std::shared_ptr<io::MemoryFileSystem> damaged_disk(const Damage& damage) const;
  void verify(const Damage& damage, Answers& answers) const;
  void read(const Damage& damage, Answers& answers) const;
  void judge_fields(const Damage& damage, const Answers& answers, Verdict& verdict) const;
  Verdict compare(const Damage& damage, const Answers& answers) const;

  const Fixture& fixture_;
  std::vector<std::vector<std::vector<Value>>> field_rows_; ///< What queries of fields give where nothing is damaged.
};

} // namespace weir::trust
