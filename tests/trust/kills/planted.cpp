#include "trust/kills/planted.hpp"

#include "trust/kills/speech.hpp"

#include <algorithm>
#include <stdexcept>

namespace weir::trust {

std::uint64_t find_planted(std::span<const Planted> all,
                           const std::function<Complaints(const Planted& mistake)>& complaints_of) {
  std::uint64_t mistakes = 0;
  for (const Planted& mistake : all) {
    const Complaints complaints = complaints_of(mistake);
    const bool found = mistake.found_as == nullptr
                           ? complaints.empty()
                           : std::any_of(complaints.begin(), complaints.end(), [&](const std::string& what) {
                               return what.find(mistake.found_as) != std::string::npos;
                             });
    if (!found)
      throw std::runtime_error(std::string("planted ") + mistake.what + ": " +
                               (complaints.empty() ? "not found" : "found as: " + complaints.front()));
    mistakes += mistake.found_as == nullptr ? 0 : 1;
  }
  return mistakes;
}

void tell(std::span<const char* const> lines,
          const std::function<bool(std::string_view word, std::string_view line)>& take) {
  for (const std::string_view line : lines) {
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    if (!take(word, rest))
      throw std::runtime_error("not understood: " + std::string(line));
  }
}

} // namespace weir::trust
