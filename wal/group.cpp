#include "wal/group.hpp"

#include <weir/limits.hpp>

#include "engine/check.hpp"
#include "wal/format.hpp"

#include <algorithm>
#include <cstring>

namespace weir::wal {
namespace {

/// Record headers that `reserve_bytes` leaves room for: a small store call is some 250 bytes.
constexpr std::size_t body_bytes_guess = 256;
constexpr std::size_t record_header_bytes_max = record_header_bytes(limits::encoded_call_bytes_max);

static_assert(sizeof(GroupHeader) + limits::group_bytes_max + limits::encoded_call_bytes_max < UINT32_MAX / 2);

} // namespace

Group::Group(std::size_t reserve_bytes)
    : capacity_(sizeof(GroupHeader) + reserve_bytes + (reserve_bytes / body_bytes_guess + 1) * record_header_bytes_max),
      size_(sizeof(GroupHeader)) {
  buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
}

void Group::add(std::string_view body) {
  char* const to = add_uninitialized(body.size());
  if (!body.empty())
    std::memcpy(to, body.data(), body.size());
}

char* Group::add_uninitialized(std::size_t body_bytes) {
  WEIR_CHECK(body_bytes <= limits::encoded_call_bytes_max);
  const std::size_t offset = size_ + record_header_bytes(body_bytes);
  if (offset + body_bytes > capacity_)
    grow(offset + body_bytes);
  put_varint(buffer_.get() + size_, body_bytes);
  size_ = offset + body_bytes;
  WEIR_CHECK(size_ <= UINT32_MAX);
  bodies_.push_back({offset, body_bytes});
  return buffer_.get() + offset;
}

std::string_view Group::body(std::size_t i) const {
  WEIR_CHECK(i < bodies_.size());
  return {buffer_.get() + bodies_[i].offset, bodies_[i].size};
}

std::vector<std::string_view> Group::bodies() const {
  std::vector<std::string_view> views;
  views.reserve(bodies_.size());
  for (const Body& body : bodies_)
    views.emplace_back(buffer_.get() + body.offset, body.size);
  return views;
}

std::span<const std::byte> Group::frame(std::uint64_t identity, std::uint64_t offset, std::uint64_t first_record,
                                        std::uint64_t synced_offset) {
  WEIR_CHECK(!bodies_.empty());
  for (const Body& body : bodies_) {
    char* const bytes = buffer_.get() + body.offset;
    const Check check = check_of_bytes({bytes, body.size}, identity, offset + body.offset);
    std::memcpy(bytes - sizeof check, &check, sizeof check);
  }

  GroupHeader header;
  header.records = static_cast<std::uint32_t>(bodies_.size());
  header.first_record = first_record;
  header.group_bytes = static_cast<std::uint32_t>(size_);
  header.synced_offset = synced_offset;
  header.check = check_of(header, identity, offset);
  std::memcpy(buffer_.get(), &header, sizeof header);
  return std::as_bytes(std::span<const char>(buffer_.get(), size_));
}

std::string_view Group::unchecked_records() {
  for (const Body& body : bodies_)
    std::memset(buffer_.get() + body.offset - sizeof(Check), 0, sizeof(Check));
  return {buffer_.get() + sizeof(GroupHeader), size_ - sizeof(GroupHeader)};
}

void Group::grow(std::size_t size_min) {
  const std::size_t capacity = std::max(size_min, capacity_ * 2);
  auto buffer = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(buffer.get(), buffer_.get(), size_);
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

} // namespace weir::wal
