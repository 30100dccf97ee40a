#include "engine/io/memory_faults.hpp"

#include "engine/io/posix_descriptor.hpp"

#include <cerrno>

namespace weir::io {

namespace {

bool needs_descriptor(Operation operation) noexcept {
  // The real file system opens a directory for each of these.
  return operation != Operation::read && operation != Operation::write && operation != Operation::size &&
         operation != Operation::truncate && operation != Operation::sync_data && operation != Operation::free_bytes;
}

int errno_of(DiskFault fault) {
  switch (fault) {
  case DiskFault::eio: return EIO;
  case DiskFault::edquot: return EDQUOT;
  case DiskFault::eintr: return EINTR;
  case DiskFault::emfile: return EMFILE;
  default: return ENOSPC;
  }
}

} // namespace

bool can_hit(DiskFault fault, Operation operation) noexcept {
  switch (fault) {
  case DiskFault::emfile: return needs_descriptor(operation);
  case DiskFault::short_write: return operation == Operation::write;
  default: return true;
  }
}

std::string_view name_of(DiskFault fault) noexcept {
  switch (fault) {
  case DiskFault::eio: return "EIO";
  case DiskFault::enospc: return "ENOSPC";
  case DiskFault::edquot: return "EDQUOT";
  case DiskFault::eintr: return "EINTR";
  case DiskFault::emfile: return "EMFILE";
  case DiskFault::short_write: return "short write";
  }
  return "?";
}

CallHook failing_calls(const FaultPlan& plan, std::shared_ptr<FaultTally> tally) {
  return [plan, tally = std::move(tally)](const Call& call) -> std::optional<Error> {
    const std::uint64_t number = ++tally->calls;
    if (number < plan.first_call || (!plan.for_good && number > plan.first_call) ||
        !can_hit(plan.fault, call.operation))
      return std::nullopt;
    ++tally->failed;
    tally->last = call;
    tally->last.path = tally->last.rename_to = {};
    if (plan.fault == DiskFault::short_write)
      *call.done_bytes = call.size_bytes / 2;
    return system_error(errno_of(plan.fault), "made to fail", std::string(call.path));
  };
}

} // namespace weir::io
