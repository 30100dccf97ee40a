// Which payloads cannot match because a text is missing in them.
//
// Purpose: whoever looks for an id reads many payloads that do not have it, and finding that out by their bytes alone
// costs far less than parsing them. Owner: a scan's rows. Threading: immutable once made. Invariants: never says no to
// a payload for which the condition holds.
#pragma once

#include "engine/query/predicate.hpp"
#include "engine/query/row.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace weir::query {

class RequiredText {
public:
  /// Borrows the texts of `predicate`. Fields of other steps than `step` demand nothing.
  RequiredText(const Predicate& predicate, const FieldTable& fields, std::size_t step);

  /// False: the condition does not hold for an event with this payload, which is valid JSON.
  [[nodiscard]] bool may_match(std::string_view payload) const noexcept;

private:
  /// For each leaf that all matches meet: the texts one of which its field equals.
  std::vector<std::vector<std::string_view>> demands_;
};

} // namespace weir::query
