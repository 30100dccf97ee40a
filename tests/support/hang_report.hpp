// A test program that hangs says where, shortly before it would be killed.
//
// Purpose: a hang that happens once in a thousand runs, on somebody else's machine, is known by what that one run
// printed. WEIR_HANG_REPORT_S (set by ctest, a little below its timeout; 0 or none: never) is the number of seconds
// after which the program prints the test case that it is in and what each of its threads is doing, and ends.
#pragma once

namespace weir::test {

/// Once, at the begin of main().
void report_hang();

} // namespace weir::test
