// Which schemas must be in force in a directory that is killed many times.
//
// Purpose: takes in what the host said before it defined the next version of a type and after it was answered, and what
// stores it found refused; finds a definition that is gone, one that nobody gave, and one that is listed and does not
// judge. Owner: the directory's KillOracle. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace weir::trust {

/// Over all directories of a run.
struct SchemaTotals {
  std::uint64_t defined = 0;
  std::uint64_t asked = 0; ///< Types whose stores were tried.

  void add(const SchemaTotals& other) noexcept;
};

class SchemaOracle {
public:
  SchemaOracle(SchemaTotals& totals, std::function<void(std::string)> complain)
      : totals_(totals), complain_(std::move(complain)) {}

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);

private:
  SchemaTotals& totals_;
  std::function<void(std::string)> complain_;
  std::map<std::uint32_t, std::set<std::uint64_t>> possible_; ///< By type the versions that may be in force; 0: none.
};

} // namespace weir::trust
