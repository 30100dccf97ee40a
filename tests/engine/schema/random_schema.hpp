// Random schemas, payloads that fit them, and payloads that fail in one known place.
#pragma once

#include <weir/schema.hpp>

#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace weir::test {

using SchemaRandom = std::mt19937_64;

/// A valid schema of a few fields, nested a few levels.
[[nodiscard]] Schema random_schema(SchemaRandom& random);
/// `schema` after a random change, which may or may not be a compatible one.
[[nodiscard]] Schema changed_schema(const Schema& schema, SchemaRandom& random);

/// A payload that fits.
[[nodiscard]] std::string fitting_payload(const Schema& schema, SchemaRandom& random);

struct WrongPayload {
  std::string payload;
  std::string path; ///< Of the one thing that does not fit.
};
/// Nothing for a schema that every object fits.
[[nodiscard]] std::optional<WrongPayload> wrong_payload(const Schema& schema, SchemaRandom& random);

} // namespace weir::test
