// All rows of one zone with the wanted columns: what scans read.
//
// Threading: immutable once read.
#pragma once

#include "engine/ports.hpp"

#include "segments/block_source.hpp"
#include "segments/footer.hpp"

#include <memory>

namespace weir::segments {

/// Reads the columns of zone `zone`; the rows keep the footer and the blocks they point into. Only rows of `wanted`
/// (empty: all) need have texts. Precondition: there is such a zone, and `wanted` is empty or has a bit for each row.
Result<std::shared_ptr<const ZoneRows>> read_zone_rows(const BlockSource& source, std::shared_ptr<const Footer> footer,
                                                       std::size_t zone, ColumnSet columns, RowWords wanted = {});

} // namespace weir::segments
