// The hot pieces one by one, by Google Benchmark: what to look at when a figure of weir_bench has moved.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
