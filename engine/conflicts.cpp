#include "engine/conflicts.hpp"

namespace weir {

namespace {

/// Reads with `read(context_id, range, out)`, from a view or a memtable of it.
template <class Read> void add_receipt(Conflict& conflict, Durability reached, Read&& read) {
  EventBatch found;
  read(conflict.context_id, SequenceRange{conflict.current, conflict.current, false}, found);
  if (!found.empty())
    conflict.receipt = Receipt{conflict.current, found[0].position, 1, reached, false};
}

bool lacks_receipt(const Conflict& conflict) {
  return conflict.current != 0 && !conflict.receipt;
}

} // namespace

bool add_receipts(Error& refusal, std::span<const MemtableView> memtables, Durability reached) {
  bool missing = false;
  for (Conflict& conflict : refusal.conflicts) {
    if (conflict.receipt)
      conflict.receipt->durability = reached;
    for (auto memtable = memtables.rbegin(); memtable != memtables.rend() && lacks_receipt(conflict); ++memtable)
      add_receipt(conflict, reached, [&](const std::string& context_id, const SequenceRange& range, EventBatch& out) {
        memtable->read_context(context_id, range, {}, out);
      });
    missing = missing || lacks_receipt(conflict);
  }
  return missing;
}

void add_receipts(Error& refusal, const ShardView& view, Durability reached) {
  for (Conflict& conflict : refusal.conflicts)
    if (lacks_receipt(conflict))
      add_receipt(conflict, reached, [&](const std::string& context_id, const SequenceRange& range, EventBatch& out) {
        (void)read_context(view, context_id, range, {}, out); // without it the refusal is told all the same
      });
}

} // namespace weir
