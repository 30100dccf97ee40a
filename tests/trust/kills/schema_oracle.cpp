#include "trust/kills/schema_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/speech.hpp"

namespace weir::trust {

void SchemaTotals::add(const SchemaTotals& other) noexcept {
  defined += other.defined;
  asked += other.asked;
}

bool SchemaOracle::take(std::string_view word, std::string_view line) {
  if (word != "defines" && word != "defined" && word != "schema")
    return false;
  const auto type = static_cast<std::uint32_t>(number(take_word(line)));
  const std::uint64_t version = number(take_word(line));
  auto& versions = possible_.try_emplace(type, std::set<std::uint64_t>{0}).first->second;
  if (word == "defines") { // from here on until the answer it may be so or as it was
    versions.insert(version);
    return true;
  }
  if (word == "defined") {
    if (!versions.contains(version))
      complain_(format("version {} of type {} was answered, and nobody asked for it", version, type));
    ++totals_.defined;
  } else {
    ++totals_.asked;
    if (!versions.contains(version))
      complain_(format("type {} is at version {}, and version {} was defined", type, version, *versions.rbegin()));
    if (line != (version == 0 ? "any" : std::to_string(version)))
      complain_(format("type {} is at version {}, and stores are judged as by version {}", type, version, line));
  }
  versions = {version}; // an open has shown it, so it stays
  return true;
}

} // namespace weir::trust
