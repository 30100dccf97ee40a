// How a type's schema may change.
//
// Purpose: one rule, of which the rest follows: every payload that the old version takes is taken by the new one and
// means the same. So whoever knows the new version alone can read all events. Threading: pure functions.
#pragma once

#include <weir/schema.hpp>

namespace weir::schema {

/// Whether `next` may follow `current`, a version of the same type; both are valid. Allowed are a new optional field in
/// a strict object, a required field that becomes optional, more variants of an enum, an enum or a date that becomes a
/// string, and a strict object that becomes open. Error: `incompatible` with the reason, and the path as its place.
Status check_evolution(const Schema& current, const Schema& next);

/// Whether both take the same payloads: order and spelling do not matter.
[[nodiscard]] bool same_meaning(const Schema& a, const Schema& b);

} // namespace weir::schema
