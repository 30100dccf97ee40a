// A store that knows no queries: it answers by visiting all of its events.
//
// Purpose: what RocksDB, LMDB and `raw` do alike. Owner and threading: as Adapter.
#pragma once

#include "bench/adapter.hpp"

namespace weir::bench {

/// `Store` derives from it and has visit_all(take), which calls `take` with each row; those of one context in their
/// order. A template, so that a visit costs no call through a pointer.
template <class Store> class VisitingAdapter : public Adapter {
public:
  Tally tally() override {
    Tally tally;
    static_cast<Store&>(*this).visit_all([&tally](const Row& row) { tally.add(row); });
    return tally;
  }

  [[nodiscard]] Answer ask(const Question& question) override {
    Examiner examiner(question);
    static_cast<Store&>(*this).visit_all([&examiner](const Row& row) { examiner.add(row); });
    return examiner.answer();
  }
};

} // namespace weir::bench
