#include <weir/expectation.hpp>

namespace weir {

std::string to_string(const Expectation& expectation) {
  switch (expectation.kind()) {
  case Expectation::Kind::any: return "any";
  case Expectation::Kind::no_context: return "no_context";
  case Expectation::Kind::exists: return "exists";
  case Expectation::Kind::exactly: return "exactly " + std::to_string(expectation.sequence());
  }
  return "unknown";
}

} // namespace weir
