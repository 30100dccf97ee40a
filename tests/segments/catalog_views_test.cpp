// Views in the catalog, and catalogs from before there were any.
#include "engine/io/memory_file_system.hpp"
#include "engine/text.hpp"
#include "tests/segments/catalog_fixture.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr const char* path = "catalog.db";

const ViewRecord by_day{"by_day", "QUERY * COUNT PER DAY"};
const ViewRecord totals{"totals", "QUERY paid TOTAL payload.amount BY payload.country"};

} // namespace

TEST_CASE("catalog views: what is added and removed comes back by name after a reopen and a crash") {
  io::MemoryFileSystem fs;
  {
    auto catalog = must(Catalog::create(fs, path, 1, seed));
    CHECK(must_load(*catalog).views.empty());
    REQUIRE(catalog->add_view(totals).ok());
    REQUIRE(catalog->add_view(by_day).ok());
    CHECK(must_load(*catalog).views == std::vector{by_day, totals});
  } // Not closed.
  auto catalog = must(Catalog::open(fs, path));
  CHECK(must_load(*catalog).views == std::vector{by_day, totals});
  REQUIRE(catalog->remove_view("totals").ok());
  REQUIRE(catalog->close().ok());
  catalog = must(Catalog::open(fs, path));
  CHECK(must_load(*catalog).views == std::vector{by_day});
  REQUIRE(catalog->add_view(totals).ok());
}

TEST_CASE("catalog views: a name is given once, lengths and their number are bounded") {
  auto catalog = must(Catalog::create_in_memory(1, seed));
  REQUIRE(catalog->add_view(by_day).ok());
  const auto refused = [&](const ViewRecord& view) { return catalog->add_view(view).code() == Errc::invalid_argument; };
  CHECK(refused(by_day));
  CHECK(refused({"", "QUERY *"}));
  CHECK(refused({std::string(limits::view_name_bytes_max + 1, 'n'), "QUERY *"}));
  CHECK(refused({"empty", ""}));
  CHECK(refused({"long", std::string(limits::query_text_bytes_max + 1, 'q')}));
  CHECK(catalog->remove_view("totals").code() == Errc::not_found);
  CHECK(must_load(*catalog).views == std::vector{by_day});
  for (std::size_t i = 1; i < limits::views_max; ++i)
    REQUIRE(catalog->add_view({format("view{}", i), "QUERY *"}).ok());
  CHECK(refused({"one_more", "QUERY *"}));
  CHECK(must_load(*catalog).views.size() == limits::views_max);
}

TEST_CASE("catalog views: a catalog of an older format stays one until a view is added") {
  io::MemoryFileSystem fs;
  REQUIRE(must(Catalog::create(fs, path, 1, seed))->close().ok());
  change(fs, path, "DROP TABLE views; PRAGMA user_version = 3");
  {
    auto catalog = must(Catalog::open(fs, path));
    REQUIRE(catalog->reserve_positions(100).ok());
    CHECK(must_load(*catalog).format_version == 3);
    CHECK(must_load(*catalog).views.empty());
    REQUIRE(catalog->add_view(totals).ok());
    CHECK(must_load(*catalog).format_version == Catalog::format_version);
    REQUIRE(catalog->close().ok());
  }
  const CatalogState after = must_load(*must(Catalog::open(fs, path)));
  CHECK(after.views == std::vector{totals});
  CHECK(after.positions_reserved == 100);
}

TEST_CASE("catalog views: a record that was changed or is missing is corruption") {
  const auto filled = [](Catalog& catalog) -> Status { return catalog.add_view(by_day); };
  const auto damaged = [&](const std::string& sql) { return complaint(filled, sql); };
  CHECK(damaged("UPDATE views SET query = query || ' '") ==
        "the record's checksum differs (catalog.db: table views, name 'by_day')");
  CHECK(damaged("UPDATE views SET name = 'other'") ==
        "the record's checksum differs (catalog.db: table views, name 'other')");
  CHECK(damaged("DELETE FROM views") == "the sum over all records differs (catalog.db: table head)");
}
