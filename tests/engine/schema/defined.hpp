// A registry of schemas over a catalog in memory.
#pragma once

#include "engine/schema/registry.hpp"
#include "tests/support/memory_catalog.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace weir::test {

struct Defined {
  std::shared_ptr<MemoryCatalogDisk> disk = std::make_shared<MemoryCatalogDisk>();
  MemoryCatalog catalog{disk};
  schema::Registry registry;

  /// `text` must be a schema.
  Result<std::uint32_t> define(std::string_view text) {
    auto schema = parse_schema(text);
    REQUIRE_MESSAGE(schema.ok(), why(schema));
    return registry.define(std::move(*schema), catalog);
  }
};

} // namespace weir::test
