// Whether the options of a model can be meant.
//
// Purpose: every wrong combination is found when a model is made, not when the first row is written. Threading: pure
// functions.
#pragma once

#include <weir/json_model.hpp>
#include <weir/result.hpp>

namespace weir {

/// `invalid_argument` "items.count: ..." (no column concerned: "items: ...") for what is wrong with the model's own
/// options.
Status check_model(const JsonModelOptions& options);
/// The same for one of its columns, looked at by itself.
Status check_column(const JsonModelOptions& options, const Column& column);

} // namespace weir
