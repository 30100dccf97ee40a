// Which bytes of an SQLite file mean something.
//
// Purpose: pages carry no checksum, and most of a small database is free space: gaps in pages, cells that were deleted.
// Damage there must change no answer, but nothing could see it. Shares no code with SQLite; knows what the catalog
// needs (no overflow pages). Threading: pure functions.
#pragma once

#include <string_view>
#include <vector>

namespace weir::trust {

/// For every byte whether it is part of the file header's meaningful fields, of a page's header, or of a cell. Pages
/// that are no part of a tree count as meaningful.
[[nodiscard]] std::vector<bool> meaningful_bytes(std::string_view database);

} // namespace weir::trust
