// Runs scenarios with peers, in turn, and collects what they measure.
//
// Purpose: peers are interleaved within every repetition, so that a slow minute of the machine is shared by all; each
// scenario begins in a fresh directory. Threading: one thread. Errors: what a scenario throws is noted in Results.
#pragma once

#include "bench/scenario.hpp"

#include <functional>
#include <string>
#include <vector>

namespace weir::bench {

struct HarnessOptions {
  Plan plan;
  std::string directory;          ///< Parent of the stores' directories; created.
  std::vector<std::string> peers; ///< Names, or families ("sqlite"); empty: all.
  std::string only;               ///< Regular expression that a line's name has to match somewhere; empty: all.
};

/// The plan with that name: small, standard or full.
[[nodiscard]] Plan plan_named(const std::string& name);

class Harness {
public:
  /// Errors: std::invalid_argument for a peer that there is not, or a bad regular expression.
  explicit Harness(HarnessOptions options);

  [[nodiscard]] const std::vector<Peer>& peers() const noexcept { return peers_; }
  [[nodiscard]] const std::vector<Scenario>& scenarios() const noexcept { return scenarios_; }
  /// `progress` is told of every scenario before it runs.
  void run(const Workload& workload, Results& results, const std::function<void(const std::string&)>& progress) const;

private:
  HarnessOptions options_;
  std::vector<Peer> peers_;
  std::vector<Scenario> scenarios_;
};

} // namespace weir::bench
