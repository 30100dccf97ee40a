// The judges are judged: of each mistake that is planted there is a story, and the judge must complain of it.
//
// Purpose: what those have in common who plant mistakes (*_planted.cpp): a story of two lives in lines, and the look
// whether it was found. Owner: the stage, before its first kill. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// The first life ends by a kill.
struct Planted {
  const char* what;
  std::vector<const char*> first_life, second_life;
  const char* found_as; ///< Part of the complaint; nothing: there is no mistake.
};

using Complaints = std::vector<std::string>;

/// Returns how many mistakes there are; throws std::runtime_error if one is not found, or where there is none.
std::uint64_t find_planted(std::span<const Planted> all,
                           const std::function<Complaints(const Planted& mistake)>& complaints_of);

/// Gives each line to `take`, by its first word and the rest; throws std::runtime_error if it returns false.
void tell(std::span<const char* const> lines,
          const std::function<bool(std::string_view word, std::string_view line)>& take);

} // namespace weir::trust
