// A condition of a store call on the events of a whole group: none of some kind may have been stored lately.
//
// Purpose: a decision may rest on more than one context. Whoever has read them says up to which position, and is
// refused if something has been stored since that would have mattered. Threading: plain values.
#pragma once

#include <weir/event.hpp>

#include <string>
#include <vector>

namespace weir {

/// Fails the call if the group has an event after `after` that is of one of the types and has all of the tags.
struct FailIf {
  /// The group: what stands in the first braces of its contexts' ids, "42" of "order-{42}". It must be that of the
  /// contexts stored to. Nothing else is looked at.
  std::string group{};
  std::vector<std::string> types{}; ///< At most 16; empty: of any type.
  std::vector<std::string> tags{};  ///< At most 16, of at most 64 bytes, all of them in `metadata.tags`; empty: any.
  Position after = 0;               ///< Events up to this position have been taken into account.
};

} // namespace weir
