// What is being tried right now, told should the program die of it.
//
// Threading: one thread.
#pragma once

#include <string>

namespace weir::trust {

/// From now on the program's death by a failed check or a bad access is said to have happened in `label`.
void work_on(const std::string& label);

} // namespace weir::trust
