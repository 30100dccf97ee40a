// What a service defines once and the catalog keeps: schemas, retention, views.
#include "segments/catalog.hpp"

#include "engine/text.hpp"
#include "segments/catalog_records.hpp"
#include "segments/catalog_retention.hpp"
#include "segments/catalog_views.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <utility>

namespace weir {

namespace {

using catalog::checksum;
using catalog::fault;
using catalog::Head;

const ViewRecord* find_view(const std::vector<ViewRecord>& views, std::string_view name) {
  const auto found =
      std::find_if(views.begin(), views.end(), [&](const ViewRecord& view) { return view.name == name; });
  return found != views.end() ? &*found : nullptr;
}

} // namespace

Status Catalog::add_schema(const SchemaRecord& schema) {
  auto change = begin_change();
  if (!change)
    return std::move(change).error();
  const SchemaRecord* before = nullptr;
  for (const SchemaRecord& each : change->records.schemas)
    if (each.event_type == schema.event_type)
      before = &each;
  if (const char* why = fault(schema, before))
    return fail(Errc::invalid_argument, why, format("schema of {}, version {}", schema.event_type, schema.version));
  Head& head = change->records.head;
  head.records_sum += checksum(schema, head.directory_seed);
  WEIR_TRY(make_newest());
  WEIR_TRY(catalog::write(database_, schema, head.directory_seed));
  return commit_newest(*change);
}

Status Catalog::set_retention(const RetentionRecord& retention) {
  if (closed_)
    return catalog::closed();
  if (const char* why = catalog::fault(retention))
    return fail(Errc::invalid_argument, why, "retention");
  auto change = begin_change();
  if (!change)
    return std::move(change).error();
  Head& head = change->records.head;
  head.records_sum -= catalog::checksum_sum(change->records.retention, head.directory_seed);
  head.records_sum += catalog::checksum_sum(retention, head.directory_seed);
  WEIR_TRY(make_newest());
  WEIR_TRY(catalog::write(database_, retention, head.directory_seed));
  return commit_newest(*change);
}

Status Catalog::add_view(const ViewRecord& view) {
  if (closed_)
    return catalog::closed();
  const auto refused = [&](const char* why) {
    return fail(Errc::invalid_argument, why, format("view '{}'", view.name));
  };
  if (const char* why = catalog::fault(view))
    return refused(why);
  auto change = begin_change();
  if (!change)
    return std::move(change).error();
  if (change->records.views.size() >= limits::views_max)
    return refused("there are too many views");
  if (find_view(change->records.views, view.name) != nullptr)
    return refused("there is a view of this name");
  Head& head = change->records.head;
  head.records_sum += catalog::checksum(view, head.directory_seed);
  WEIR_TRY(make_newest());
  WEIR_TRY(catalog::write(database_, view, head.directory_seed));
  return commit_newest(*change);
}

Status Catalog::remove_view(std::string_view name) {
  auto change = begin_change();
  if (!change)
    return std::move(change).error();
  const ViewRecord* const view = find_view(change->records.views, name);
  if (view == nullptr)
    return fail(Errc::not_found, format("there is no view '{}'", name));
  Head& head = change->records.head;
  head.records_sum -= catalog::checksum(*view, head.directory_seed);
  WEIR_TRY(catalog::erase_view(database_, name));
  return commit_newest(*change); // a file with a view is of that format
}

Status Catalog::commit_newest(Change& change) {
  WEIR_TRY(catalog::write(database_, change.records.head));
  WEIR_TRY(change.transaction.commit());
  version_ = format_version;
  return {};
}

Status Catalog::make_newest() {
  if (version_ == format_version)
    return {};
  WEIR_TRY(catalog::create_tables(database_, version_, format_version));
  return database_.set_user_version(format_version);
}

} // namespace weir
