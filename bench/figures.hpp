// Named numbers that a measured process hands to the one that started it.
//
// Purpose: the form they have on the way: lines "name=number". Threading: one thread at a time. Errors: a missing name
// or a number that is none is std::runtime_error.
#pragma once

#include "bench/workload.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace weir::bench {

class Figures {
public:
  void set(const std::string& name, double value);
  void set(const std::string& name, const Tally& tally);
  [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }
  [[nodiscard]] double number(const std::string& name) const;
  [[nodiscard]] Tally tally(const std::string& name) const;

  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static Figures parse(std::string_view text);

private:
  [[nodiscard]] const std::string& value(const std::string& name) const;
  std::map<std::string, std::string> values_;
};

} // namespace weir::bench
