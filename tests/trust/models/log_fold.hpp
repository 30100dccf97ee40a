// What the models must hold, found out from the log alone.
//
// Purpose: a second, simple opinion on what events mean, which shares no code with the one that is judged: a map for
// each model, and a few lines for each kind of event. Owner: the judge. Threading: one thread.
#pragma once

#include "trust/models/shop.hpp"

#include <weir/engine.hpp>
#include <weir/json_value.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace weir::trust {

class LogFold {
public:
  using Rows = std::map<std::string, Json>; ///< By the id's JSON text.

  /// Takes in what the log has gained since the last call. Throws std::runtime_error where it cannot be read.
  void read(const Engine& engine);

  [[nodiscard]] const std::map<std::string, Rows>& models() const { return models_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] Position last_position() const { return last_; }
  /// "done", "EEXIST" or "ENOENT" of every write; one that is not there was not stored.
  [[nodiscard]] const std::map<WriteId, std::string>& writes() const { return writes_; }
  /// Writes that were stored more than once.
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }

private:
  void take(const EventView& event);
  /// Applies a write to its model; what became of it.
  std::string write(const std::string& model, const std::string& action, const Json& id, const Json& data);
  void count(const std::string& id, const char* member, Position position);

  std::map<std::string, Rows> models_{{"items", {}}, {"notes", {}}, {"tallies", {}}};
  std::map<WriteId, std::string> writes_;
  std::uint64_t events_ = 0, repeated_ = 0;
  Position next_ = 0, last_ = 0;
};

} // namespace weir::trust
