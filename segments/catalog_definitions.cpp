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
using sqlite::Transaction;

const ViewRecord* find_view(const std::vector<ViewRecord>& views, std::string_view name) {
  const auto found =
      std::find_if(views.begin(), views.end(), [&](const ViewRecord& view) { return view.name == name; });
  return found != views.end() ? &*found : nullptr;
}

} // namespace

Status Catalog::add_schema(const SchemaRecord& schema) {
  if (closed_)
    return catalog::closed();
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  auto records = read();
  if (!records)
    return std::move(records).error();
  const SchemaRecord* before = nullptr;
  for (const SchemaRecord& each : records->schemas)
    if (each.event_type == schema.event_type)
      before = &each;
  if (const char* why = fault(schema, before))
    return fail(Errc::invalid_argument, why, format("schema of {}, version {}", schema.event_type, schema.version));
  records->head.records_sum += checksum(schema, records->head.directory_seed);
  WEIR_TRY(catalog::write(database_, records->head));
  WEIR_TRY(make_newest());
  WEIR_TRY(catalog::write(database_, schema, records->head.directory_seed));
  WEIR_TRY(transaction->commit());
  version_ = format_version;
  return {};
}

Status Catalog::set_retention(const RetentionRecord& retention) {
  if (closed_)
    return catalog::closed();
  if (const char* why = catalog::fault(retention))
    return fail(Errc::invalid_argument, why, "retention");
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  auto records = read();
  if (!records)
    return std::move(records).error();
  Head& head = records->head;
  head.records_sum -= catalog::checksum_sum(records->retention, head.directory_seed);
  head.records_sum += catalog::checksum_sum(retention, head.directory_seed);
  WEIR_TRY(make_newest());
  WEIR_TRY(catalog::write(database_, retention, head.directory_seed));
  WEIR_TRY(catalog::write(database_, head));
  WEIR_TRY(transaction->commit());
  version_ = format_version;
  return {};
}

Status Catalog::add_view(const ViewRecord& view) {
  if (closed_)
    return catalog::closed();
  const auto refused = [&](const char* why) {
    return fail(Errc::invalid_argument, why, format("view '{}'", view.name));
  };
  if (const char* why = catalog::fault(view))
    return refused(why);
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  auto records = read();
  if (!records)
    return std::move(records).error();
  if (records->views.size() >= limits::views_max)
    return refused("there are too many views");
  if (find_view(records->views, view.name) != nullptr)
    return refused("there is a view of this name");
  records->head.records_sum += catalog::checksum(view, records->head.directory_seed);
  WEIR_TRY(make_newest());
  WEIR_TRY(catalog::write(database_, view, records->head.directory_seed));
  WEIR_TRY(catalog::write(database_, records->head));
  WEIR_TRY(transaction->commit());
  version_ = format_version;
  return {};
}

Status Catalog::remove_view(std::string_view name) {
  if (closed_)
    return catalog::closed();
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  auto records = read();
  if (!records)
    return std::move(records).error();
  const ViewRecord* const view = find_view(records->views, name);
  if (view == nullptr)
    return fail(Errc::not_found, format("there is no view '{}'", name));
  records->head.records_sum -= catalog::checksum(*view, records->head.directory_seed);
  WEIR_TRY(catalog::erase_view(database_, name));
  WEIR_TRY(catalog::write(database_, records->head));
  return transaction->commit();
}

Status Catalog::make_newest() {
  if (version_ == format_version)
    return {};
  WEIR_TRY(catalog::create_tables(database_, version_, format_version));
  return database_.set_user_version(format_version);
}

} // namespace weir
