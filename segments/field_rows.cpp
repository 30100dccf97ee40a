#include "segments/field_rows.hpp"

#include "engine/count_bits.hpp"
#include "engine/sabotage.hpp"

#include <cstring>
#include <string_view>

namespace weir::segments {
namespace {

bool take_bits(ByteSource& source, std::uint32_t rows, RowBits& bits) {
  const std::string_view bytes = source.take_bytes((rows + 7) / 8);
  if (!source.ok())
    return false;
  bits.assign(row_words(rows), 0);
  std::memcpy(bits.data(), bytes.data(), bytes.size());
  return rows % 64 == 0 || bits.back() >> (rows % 64) == 0;
}

} // namespace

bool take_field_rows(ByteSource& source, const FieldZone& zone, std::uint32_t rows, FieldRows& out) {
  const auto follow = source.take<std::uint8_t>();
  out.decimals = source.take<std::uint8_t>();
  const auto zero = source.take<std::uint16_t>();
  if (!source.ok() || zero != 0 || (zone.type != FieldForm::float64 && out.decimals != 0) ||
      follow > (value_bits_follow | null_bits_follow))
    return false;
  if ((follow & value_bits_follow) != 0) {
    if (!take_bits(source, rows, out.present))
      return false;
  } else {
    out.present.assign(row_words(rows), zone.type == FieldForm::none ? 0 : ~std::uint64_t{0});
    if (rows % 64 != 0)
      out.present.back() &= (std::uint64_t{1} << rows % 64) - 1;
  }
  if ((follow & null_bits_follow) != 0 && !take_bits(source, rows, out.null))
    return false;
  for (std::size_t i = 0; i < out.null.size(); ++i) {
    if ((follow & value_bits_follow) == 0)
      out.present[i] &= ~out.null[i];
    if ((out.present[i] & out.null[i]) != 0)
      return false;
  }
  if (count_bits(out.present) != zone.values || count_bits(out.null) != zone.nulls)
    return false;
  out.all_present = zone.values == rows;
  if (sabotaged(Sabotage::null_is_absent))
    out.null.clear();
  return true;
}

} // namespace weir::segments
