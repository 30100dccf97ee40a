#include "trust/support/disk/catalog_texts.hpp"

namespace weir::trust {

std::string text_of_versions(const schema::Registry& schemas, std::string_view event_type) {
  std::string text;
  for (std::uint32_t version = 1; const SchemaVersion* const found = schemas.find(event_type, version); ++version)
    text += to_text(found->schema) + "\n";
  return text;
}

std::string text_of(const RetentionRecord& record) {
  if (record == RetentionRecord{})
    return {};
  std::string text;
  for (const RetentionRule& rule : record.rules) {
    text += "rule '" + rule.context_prefix + "' '" + rule.event_type + "'";
    if (rule.age)
      text += " age " + std::to_string(rule.age->count());
    if (rule.count)
      text += " count " + std::to_string(*rule.count);
    text += "; ";
  }
  if (record.point)
    text += "before " + std::to_string(record.point->before) + " at " +
            std::to_string(record.point->now.time_since_epoch().count());
  return text + (record.point && record.applied ? " applied" : "");
}

std::string text_of_run(RetentionRecord record) {
  record.applied = false;
  return text_of(record);
}

} // namespace weir::trust
