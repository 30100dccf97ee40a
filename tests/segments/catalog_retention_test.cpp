// Retention in the catalog, and catalogs from before there was any.
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

const RetentionRule orders{.context_prefix = "order-", .age = std::chrono::days(30)};
const RetentionRule measured{.context_prefix = "order-", .event_type = "measured", .count = UINT64_MAX - 1};
const RetentionRule everything{.age = std::chrono::microseconds(1), .count = 1};
const RetentionPoint point{12, Timestamp(std::chrono::seconds(1'700'000'000))};
const RetentionRecord full{{everything, orders, measured}, point, false};

} // namespace

TEST_CASE("catalog retention: what is set takes the place of what was, and comes back after a reopen and a crash") {
  io::MemoryFileSystem fs;
  {
    auto catalog = must(Catalog::create(fs, path, 1, seed));
    CHECK(must_load(*catalog).retention == RetentionRecord{});
    REQUIRE(catalog->set_retention({{orders}, {}, false}).ok());
    CHECK(must_load(*catalog).retention == RetentionRecord{{orders}, {}, false});
    REQUIRE(catalog->set_retention(full).ok());
    REQUIRE(catalog->add_schema({"paid", 1, "DEFINE paid FIELDS {}"}).ok());
    REQUIRE(catalog->reserve_positions(100).ok());
    REQUIRE(catalog->publish_segment(segment(0, 1), 10, 1).ok());
  } // not closed: the journal holds all of it
  auto catalog = must(Catalog::open(fs, path));
  CHECK(must_load(*catalog).retention == full);
  const RetentionRecord applied{{measured}, point, true};
  REQUIRE(catalog->set_retention(applied).ok());
  CHECK(must_load(*catalog).retention == applied);
  REQUIRE(catalog->set_retention({}).ok());
  REQUIRE(catalog->close().ok());
  CHECK(catalog->set_retention(full).code() == Errc::closing);
  CHECK(must_load(*must(Catalog::open(fs, path))).retention == RetentionRecord{});
}

TEST_CASE("catalog retention: rules that say what cannot be, or are out of order, are refused") {
  auto catalog = must(Catalog::create_in_memory(1, seed));
  REQUIRE(catalog->set_retention(full).ok());
  const auto refused = [&](std::vector<RetentionRule> rules) {
    return catalog->set_retention({std::move(rules), {}, false}).code() == Errc::invalid_argument;
  };
  CHECK(refused({{.context_prefix = "a"}}));
  CHECK(refused({{.count = 0}}));
  CHECK(refused({{.count = sequence_max}}));
  CHECK(refused({{.age = std::chrono::microseconds(-1)}}));
  CHECK(refused({{.age = limits::retention_age_max + std::chrono::microseconds(1)}}));
  CHECK(refused({{.context_prefix = std::string(limits::context_id_bytes_max + 1, 'x'), .count = 1}}));
  CHECK(refused({{.event_type = std::string(limits::event_type_bytes_max + 1, 'x'), .count = 1}}));
  CHECK(refused({orders, everything}));
  CHECK(refused({orders, orders}));
  CHECK(refused(std::vector<RetentionRule>(limits::retention_rules_max + 1, orders)));
  const Timestamp never{std::chrono::microseconds(INT64_MIN)};
  CHECK(catalog->set_retention({{}, RetentionPoint{1, never}, false}).code() == Errc::invalid_argument);
  CHECK(must_load(*catalog).retention == full);
}

TEST_CASE("catalog retention: a catalog of an older format stays one until rules are set") {
  const auto at = [](std::uint32_t version) {
    auto fs = std::make_unique<io::MemoryFileSystem>();
    REQUIRE(must(Catalog::create(*fs, path, 1, seed))->close().ok());
    change(*fs, path,
           "DROP TABLE views; DROP TABLE retention_point; DROP TABLE retention_rules; PRAGMA user_version = 2");
    if (version == 1)
      change(*fs, path, "DROP TABLE schemas; PRAGMA user_version = 1");
    return fs;
  };
  for (const std::uint32_t version : {1u, 2u}) {
    CAPTURE(version);
    const auto fs = at(version);
    {
      auto catalog = must(Catalog::open(*fs, path));
      REQUIRE(catalog->reserve_positions(100).ok());
      CHECK(must_load(*catalog).format_version == version);
      CHECK(must_load(*catalog).retention == RetentionRecord{});
      REQUIRE(catalog->set_retention(full).ok());
      CHECK(must_load(*catalog).format_version == Catalog::format_version);
      REQUIRE(catalog->add_schema({"paid", 1, "DEFINE paid FIELDS {}"}).ok());
      REQUIRE(catalog->close().ok());
    }
    const CatalogState after = must_load(*must(Catalog::open(*fs, path)));
    CHECK(after.retention == full);
    CHECK(after.positions_reserved == 100);
  }
}

TEST_CASE("catalog retention: a record that was changed, is missing or there once too often is corruption") {
  const auto filled = [](Catalog& catalog) -> Status { return catalog.set_retention(full); };
  const auto damaged = [&](const std::string& sql) { return complaint(filled, sql); };
  const std::string rule = "the record's checksum differs (catalog.db: table retention_rules, context prefix 'order-' ";
  CHECK(damaged("UPDATE retention_rules SET age = age + 1 WHERE age > 1") == rule + "event type '')");
  CHECK(damaged("UPDATE retention_rules SET count = 5 WHERE event_type != ''") == rule + "event type 'measured')");
  const std::string of_point = "the record's checksum differs (catalog.db: table retention_point)";
  CHECK(damaged("UPDATE retention_point SET applied = 1") == of_point);
  CHECK(damaged("UPDATE retention_point SET before = before + 1") == of_point);
  CHECK(damaged("UPDATE retention_point SET now = now + 1") == of_point);
  const std::string sum = "the sum over all records differs (catalog.db: table head)";
  CHECK(damaged("DELETE FROM retention_point") == sum);
  CHECK(damaged("DELETE FROM retention_rules WHERE event_type = ''") == sum);
}
