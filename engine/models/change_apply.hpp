// Changes on their way into a model.
//
// Threading: the thread that has the transaction.
#pragma once

#include <weir/event_sourcing.hpp>
#include <weir/json_model.hpp>

#include <weir/result.hpp>

namespace weir {

/// Applies rm, ins, set, upd, sav, in this order. Items that cannot be applied (no object, no id, not there, already
/// there, refused by the model) do not keep the others back. Error: `projection_failed` with what every one of them met
/// ("ins[2]: ..."), or the database's.
Status apply_change(const Change& change, JsonModel& model);

} // namespace weir
