// Opens what a killed service left, and says whether its models are what its log makes of them.
//
// Purpose: after each life: models = fold of the log, position and count of events as in the log, every write that was
// acknowledged is there and became what its caller was told, nothing twice; and what searches answer, as one text,
// which must be the same to the byte whenever the models were made anew. Owner: one directory's story. Threading: one
// thread.
#pragma once

#include "trust/models/log_fold.hpp"

#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

/// A service without writers, in this process.
struct OpenShop {
  std::optional<Engine> engine;
  std::unique_ptr<EventSourcingDB> db, copy;

  /// Throws std::runtime_error if it cannot be opened.
  explicit OpenShop(const std::string& directory);
  ~OpenShop();
  OpenShop(const OpenShop&) = delete;
  OpenShop& operator=(const OpenShop&) = delete;
};

class ModelsJudge {
public:
  void acknowledged(const WriteId& id, std::string outcome) { told_.emplace_back(id, std::move(outcome)); }
  /// Waits until the shop has applied all that is in its log, and compares. `whole`: the log is read from its
  /// beginning.
  void judge(const OpenShop& shop, bool whole);
  void complain(std::string what) { complaints_.push_back(std::move(what)); }

  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return told_.size(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] const LogFold& fold() const { return fold_; }

private:
  void compare_rows(const JsonModel& model, const LogFold::Rows& expected);
  void compare_position(const EventSourcingDB& db);
  void compare_writes();

  LogFold fold_;
  std::vector<std::pair<WriteId, std::string>> told_;
  std::size_t compared_ = 0; ///< Of told_.
  std::uint64_t lost_ = 0;
  std::vector<std::string> complaints_;
};

/// All that a set of searches, page by page, look-ups and sums answer.
[[nodiscard]] std::string answers_of(const OpenShop& shop);

} // namespace weir::trust
