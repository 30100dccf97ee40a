// Hard bounds of everything a caller can hand in, and the sizes that must nest.
//
// Purpose: one place for every number that bounds input. Limits are checked before the write-ahead log is touched, each
// with its own error.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;

namespace limits {

inline constexpr std::size_t context_id_bytes_max = 512;
inline constexpr std::size_t event_type_bytes_max = 128;
inline constexpr std::size_t event_id_bytes_max = 128;
inline constexpr std::size_t payload_bytes_default_max = 1 * MiB;  ///< EngineOptions::payload_bytes_max may raise it.
inline constexpr std::size_t payload_bytes_max = 16 * MiB;         ///< ... up to here.
inline constexpr std::size_t snapshot_bytes_default_max = 4 * MiB; ///< EngineOptions::snapshot_bytes_max may raise it.
inline constexpr std::size_t snapshot_bytes_max = 64 * MiB;        ///< ... up to here.
inline constexpr std::size_t schema_tag_bytes_max = 128;
inline constexpr std::size_t metadata_bytes_max = 64 * KiB;
inline constexpr std::size_t event_tags_max = 16;      ///< Strings of `metadata.tags`.
inline constexpr std::size_t event_tag_bytes_max = 64; ///< Of each of them.
inline constexpr std::size_t condition_types_max = 16; ///< Of FailIf.
inline constexpr std::size_t json_depth_max = 64;
inline constexpr std::size_t json_members_max = 10'000; ///< Object members plus array elements of one document.
inline constexpr std::size_t json_number_chars_max = 64;
inline constexpr std::size_t call_events_max = 1'024;   ///< Events of one store call.
inline constexpr std::size_t call_contexts_max = 64;    ///< Contexts of one store call.
inline constexpr std::size_t call_bytes_max = 20 * MiB; ///< Over all fields of one store call.
inline constexpr std::uint32_t shards_max = 64;
inline constexpr int year_min = 1;
inline constexpr int year_max = 9999;
inline constexpr std::size_t query_text_bytes_max = 64 * KiB;
inline constexpr std::size_t view_name_bytes_max = 64;
inline constexpr std::size_t views_max = 256;
inline constexpr std::size_t query_depth_max = 64;     ///< Nesting of an expression.
inline constexpr std::size_t query_columns_max = 64;   ///< Of RETURN, aggregates, BY and ORDER BY, each.
inline constexpr std::size_t query_names_max = 1'024;  ///< Event types and contexts, each.
inline constexpr std::size_t query_values_max = 4'096; ///< Of one IN.
inline constexpr std::size_t query_steps_max = 16;     ///< Of one sequence.
inline constexpr std::size_t query_fields_max = 8'192; ///< Different ones that a condition names.

inline constexpr std::size_t schema_text_bytes_max = 64 * KiB;  ///< Of one definition, as to_text writes it.
inline constexpr std::size_t schemas_text_bytes_max = 16 * MiB; ///< Of all definitions of a directory.
inline constexpr std::size_t schema_types_max = 4'096;          ///< Types with a schema.
inline constexpr std::size_t schema_fields_max = 256;           ///< Of one object.
inline constexpr std::size_t schema_variants_max = 1'024;       ///< Of one enum.
inline constexpr std::size_t schema_name_bytes_max = 128;       ///< Of a field or a variant.
inline constexpr std::size_t schema_depth_max = 32;             ///< Objects and arrays inside one another.

inline constexpr std::size_t retention_rules_max = 1'024;
inline constexpr std::chrono::days retention_age_max{3'652'059}; ///< As many as years 1-9999 have.

inline constexpr std::size_t group_commands_max = 1'024; ///< Calls of one commit group.
inline constexpr std::size_t group_bytes_max = 4 * MiB;  ///< A single larger call forms a group of its own.

/// Upper bound of the encoding of one call: fields plus fixed headers for every event and context.
inline constexpr std::size_t encoded_call_bytes_max =
    call_bytes_max + call_events_max * 64 + call_contexts_max * (context_id_bytes_max + 64) + 4 * KiB;

static_assert(payload_bytes_default_max <= payload_bytes_max);
static_assert(schema_depth_max < json_depth_max, "a payload can be as deep as its schema");
static_assert(payload_bytes_max + metadata_bytes_max + context_id_bytes_max + event_type_bytes_max +
                      event_id_bytes_max <=
                  call_bytes_max,
              "the largest legal event fits into one call");
static_assert(query_text_bytes_max / sizeof("payload.a") < query_fields_max, "no text is refused for its fields");
static_assert(encoded_call_bytes_max < UINT32_MAX / 2, "record lengths are 32 bit and sums must not wrap");
static_assert(context_id_bytes_max < UINT16_MAX && event_type_bytes_max < UINT16_MAX && event_id_bytes_max < UINT16_MAX,
              "lengths of names are stored in 16 bit");

} // namespace limits
} // namespace weir
