// Slugs that nobody else has.
//
// Purpose: "a-title", then "a-title-2" and so on. Threading: inside a transaction on the owning connection, so that
// what is free stays so until it is written.
#pragma once

#include "engine/models/model_table.hpp"
#include "engine/models/model_writer.hpp"

#include <weir/model_database.hpp>
#include <weir/result.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace weir {

/// `slug` or the first free one behind it, in few steps even where thousands have the same title: the numbers of one
/// slug are taken from 2 on, with gaps at most where objects were removed. Errors: those of `taken`.
Result<std::string> free_slug(const std::function<Result<bool>(std::string_view)>& taken, const std::string& slug);

/// Gives every column of Draft::slugs() its value: the slug, with a number if another object has it; of nothing a
/// random one. Errors: those of the database and of make_id.
Status settle_slugs(ModelDatabase& database, const ModelTable& table, ModelWriter& writer, ModelWriter::Draft& draft);

} // namespace weir
