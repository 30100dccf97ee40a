// Schemas in the catalog, and catalogs from before there were any.
#include "engine/io/memory_file_system.hpp"
#include "tests/segments/catalog_fixture.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr const char* path = "catalog.db";

const SchemaRecord paid_1{"paid", 1, "DEFINE paid FIELDS {}"};
const SchemaRecord paid_2{"paid", 2, "DEFINE paid FIELDS {\n  note: string OPTIONAL\n}"};
const SchemaRecord paid_3{"paid", 3, "DEFINE paid FIELDS OPEN {\n  note: string OPTIONAL\n}"};
const SchemaRecord odd{"\u00e9 odd", 1, "DEFINE '\u00e9 odd' FIELDS {}"};

/// A catalog as it was before there were schemas.
void make_version_1(io::FileSystem& fs) {
  auto catalog = must(Catalog::create(fs, path, 2, seed));
  REQUIRE(catalog->reserve_positions(100).ok());
  REQUIRE(catalog->publish_segment(segment(0, 1), 10, 1).ok());
  REQUIRE(catalog->close().ok());
  catalog.reset();
  change(fs, path,
         "DROP TABLE views; DROP TABLE schemas; DROP TABLE retention_point; DROP TABLE retention_rules; PRAGMA "
         "user_version = 1");
}

} // namespace

TEST_CASE("catalog schemas: versions are kept by type, and come back after a reopen and after a crash") {
  io::MemoryFileSystem fs;
  {
    auto catalog = must(Catalog::create(fs, path, 1, seed));
    for (const SchemaRecord& schema : {paid_1, odd, paid_2})
      REQUIRE(catalog->add_schema(schema).ok());
    REQUIRE(catalog->reserve_positions(100).ok());
    REQUIRE(catalog->publish_segment(segment(0, 1), 10, 1).ok());
    CHECK(must_load(*catalog).schemas == std::vector<SchemaRecord>{paid_1, paid_2, odd});
  } // not closed: the journal holds all of it
  auto catalog = must(Catalog::open(fs, path));
  CHECK(must_load(*catalog).schemas == std::vector<SchemaRecord>{paid_1, paid_2, odd});
  REQUIRE(catalog->add_schema(paid_3).ok());
  REQUIRE(catalog->close().ok());
  CHECK(must_load(*must(Catalog::open(fs, path))).schemas == std::vector<SchemaRecord>{paid_1, paid_2, paid_3, odd});
}

TEST_CASE("catalog schemas: a version that is not the next one, or of impossible length, is refused") {
  auto catalog = must(Catalog::create_in_memory(1, seed));
  REQUIRE(catalog->add_schema(paid_1).ok());
  const auto refused = [&](const SchemaRecord& schema) {
    return catalog->add_schema(schema).code() == Errc::invalid_argument;
  };
  CHECK(refused(paid_1));
  CHECK(refused(paid_3));
  CHECK(refused({"paid", 0, "x"}));
  CHECK(refused({"other", 2, "x"}));
  CHECK(refused({"", 1, "x"}));
  CHECK(refused({std::string(limits::event_type_bytes_max + 1, 'x'), 1, "x"}));
  CHECK(refused({"other", 1, ""}));
  CHECK(refused({"other", 1, std::string(limits::schema_text_bytes_max + 1, 'x')}));
  CHECK(must_load(*catalog).schemas == std::vector<SchemaRecord>{paid_1});
  REQUIRE(catalog->close().ok());
  CHECK(catalog->add_schema(paid_2).code() == Errc::closing);
}

TEST_CASE("catalog schemas: a catalog of format 1 opens, stays one until its first schema, and is of the newest format "
          "then") {
  io::MemoryFileSystem fs;
  make_version_1(fs);
  {
    auto catalog = must(Catalog::open(fs, path));
    const CatalogState before = must_load(*catalog);
    CHECK(before.format_version == 1);
    CHECK(before.schemas.empty());
    CHECK(before.segments == std::vector<SegmentMeta>{segment(0, 1)});
    REQUIRE(catalog->publish_segment(segment(0, 2, 20), 20, 1).ok());
    CHECK(must_load(*catalog).format_version == 1);
    REQUIRE(catalog->close().ok());
  }
  {
    auto catalog = must(Catalog::open(fs, path));
    CHECK(must_load(*catalog).format_version == 1);
    CHECK(catalog->add_schema(paid_2).code() == Errc::invalid_argument); // and that changes nothing
    CHECK(must_load(*catalog).format_version == 1);
    REQUIRE(catalog->add_schema(paid_1).ok());
    REQUIRE(catalog->add_schema(paid_2).ok());
    CHECK(must_load(*catalog).format_version == Catalog::format_version);
  }
  const CatalogState after = must_load(*must(Catalog::open(fs, path)));
  CHECK(after.format_version == Catalog::format_version);
  CHECK(after.segments.size() == 2);
  CHECK(after.schemas == std::vector<SchemaRecord>{paid_1, paid_2});
}

TEST_CASE("catalog schemas: a table of another format is corruption") {
  io::MemoryFileSystem fs;
  make_version_1(fs);
  change(fs, path, "PRAGMA user_version = 2"); // without the table
  CHECK(Catalog::open(fs, path).code() == Errc::corruption);
  change(fs, path, "PRAGMA user_version = 1; CREATE TABLE schemas(event_type TEXT)");
  CHECK(Catalog::open(fs, path).code() == Errc::corruption);
}

TEST_CASE("catalog schemas: a record that was changed, is missing or there once too often is corruption") {
  const auto filled = [](Catalog& catalog) -> Status {
    for (const SchemaRecord& schema : {paid_1, paid_2, odd})
      WEIR_TRY(catalog.add_schema(schema));
    return {};
  };
  const auto damaged = [&](const std::string& sql) { return complaint(filled, sql); };
  CHECK(damaged("UPDATE schemas SET definition = definition || ' ' WHERE version = 2") ==
        "the record's checksum differs (catalog.db: table schemas, type paid version 2)");
  CHECK(damaged("UPDATE schemas SET event_type = 'x' WHERE version = 2") ==
        "the record's checksum differs (catalog.db: table schemas, type x version 2)");
  CHECK(damaged("DELETE FROM schemas WHERE version = 2") ==
        "the sum over all records differs (catalog.db: table head)");
  CHECK(damaged("DELETE FROM schemas WHERE event_type = 'paid' AND version = 1") ==
        "the versions of a type are not 1, 2, 3 in turn (catalog.db: table schemas, type paid version 2)");
  CHECK(damaged("UPDATE schemas SET checksum = checksum + 1 WHERE version = 2") ==
        "the record's checksum differs (catalog.db: table schemas, type paid version 2)");
}
