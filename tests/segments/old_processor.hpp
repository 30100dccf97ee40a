// As on a processor that has nothing beyond the baseline, while one of these lives.
#pragma once

#ifdef WEIR_TEST_POINTS

#include "engine/processor.hpp"

namespace weir::segments::test {

class OldProcessor {
public:
  OldProcessor() { processor_is_new = false; }
  OldProcessor(const OldProcessor&) = delete;
  OldProcessor& operator=(const OldProcessor&) = delete;
  ~OldProcessor() { processor_is_new = true; }
};

} // namespace weir::segments::test

#endif
