// Ways in which a simulated disk fails, as hooks for it.
//
// Purpose: tests make the k-th call fail, once or for good, and find every error the operating system may answer. The
// errors are what the real file system makes of them. Owner: a test. Threading: as the disk's hook.
#pragma once

#include "engine/io/memory_file_system.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace weir::io {

enum class DiskFault : std::uint8_t {
  eio,
  enospc,
  edquot,
  eintr,
  emfile,      ///< Hits only calls that need a descriptor; the others go through.
  short_write, ///< Half of the bytes are written, then the disk is full; hits only writes.
};
inline constexpr std::size_t disk_fault_count = 6;

/// "EIO", "short write" ...
[[nodiscard]] std::string_view name_of(DiskFault fault) noexcept;

/// Whether `fault` can be the answer to such a call.
[[nodiscard]] bool can_hit(DiskFault fault, Operation operation) noexcept;

struct FaultPlan {
  DiskFault fault = DiskFault::eio;
  std::uint64_t first_call = 1; ///< The number of the call that fails, counted from 1 when the hook is made.
  bool for_good = false;        ///< That one and all later ones, else that one alone.
};

/// What the calls of one hook came to.
struct FaultTally {
  std::uint64_t calls = 0;  ///< Seen so far.
  std::uint64_t failed = 0; ///< Of these.
  Call last;                ///< The last that failed; its texts are empty.
};

/// A hook that fails calls by `plan` and keeps count in `tally`.
[[nodiscard]] CallHook failing_calls(const FaultPlan& plan, std::shared_ptr<FaultTally> tally);

} // namespace weir::io
