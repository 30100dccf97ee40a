// The remembered queries of an engine, by name.
//
// Purpose: names and definitions are in the catalog, what each has gathered is in memory and made again by the first
// answer after an open. Owner: the engine. Threading: any thread; the mutex is held for looks into a map.
// Invariants: the states of a name belong to its query, however often the name is forgotten and given again.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "engine/views/view_state.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class ViewBook {
public:
  struct View {
    Query query;
    std::string text;                       ///< As to_text() writes it.
    std::shared_ptr<const ViewState> state; ///< Null: nothing was gathered yet.
  };

  /// What the catalog holds, into an empty book. `corruption` for a text that is none of a query.
  Status load(std::span<const ViewRecord> records);
  /// `invalid_argument` for a name or query that cannot be remembered, and for a name that has another query.
  /// `known`: the very same is there already.
  Status check(std::string_view name, const Query& query, bool& known) const;
  /// Precondition: check() said yes, and the catalog has it.
  void add(const std::string& name, Query query);
  /// False: there is none of this name.
  bool remove(std::string_view name);

  /// `not_found` names it.
  [[nodiscard]] Result<View> find(std::string_view name) const;
  /// Keeps the state for the next answer, unless the name has another query by now, or a newer one.
  void keep(std::string_view name, const std::string& text, std::shared_ptr<const ViewState> state);
  /// By name (bytes).
  [[nodiscard]] std::vector<RememberedQuery> all() const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, View, std::less<>> views_;
};

} // namespace weir
