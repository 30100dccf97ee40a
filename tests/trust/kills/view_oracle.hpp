// Which queries must be remembered in a directory that is killed many times.
//
// Purpose: takes in what the host said before it asked for a change, and after it was answered, and finds a definition
// that is gone, that is there again, or that nobody gave. Owner: the directory's KillOracle. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace weir::trust {

/// Over all directories of a run.
struct ViewTotals {
  std::uint64_t remembered = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t shown = 0; ///< Answers compared with those of their queries.

  void add(const ViewTotals& other) noexcept;
};

class ViewOracle {
public:
  ViewOracle(ViewTotals& totals, std::function<void(std::string)> complain)
      : totals_(totals), complain_(std::move(complain)) {}

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);
  /// The host is dead or has closed the engine.
  void ended() { listed_.clear(); }

private:
  void check_listed();

  ViewTotals& totals_;
  std::function<void(std::string)> complain_;
  /// By name the texts that it may have; an empty one: there is no such view.
  std::map<std::string, std::set<std::string>> possible_;
  std::string asked_; ///< The text that was asked for last.
  std::map<std::string, std::string> listed_;
};

} // namespace weir::trust
