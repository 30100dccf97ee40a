#include "tests/support/hang_report.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <execinfo.h>
#include <future>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::test {
namespace {

std::atomic<const char*> test_case{"none"};
std::atomic<int> threads_told{0};

void print(const char* text) {
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text));
}

void print_stack(int) {
  void* frames[64];
  print("thread:\n");
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
  threads_told.fetch_add(1);
}

/// One thread after the other, or their lines would mix. One that takes no signal is left out.
void have_printed(pid_t thread) {
  const int before = threads_told.load();
  if (syscall(SYS_tgkill, getpid(), thread, SIGUSR2) != 0)
    return;
  const timespec millisecond{0, 1'000'000};
  for (int i = 0; i < 1'000 && threads_told.load() == before; ++i)
    nanosleep(&millisecond, nullptr);
}

/// The directory's functions are none that a signal handler may call: if that goes wrong the program is killed as it
/// would have been without.
void report(int) {
  print("\nThis test program takes too long. It is in the test case\n  ");
  print(test_case.load());
  print("\nand its threads are here (c++filt reads the names):\n");
  const auto here = static_cast<pid_t>(syscall(SYS_gettid));
  if (DIR* threads = opendir("/proc/self/task")) {
    while (const dirent* entry = readdir(threads))
      if (const pid_t thread = std::atoi(entry->d_name); thread > 0 && thread != here)
        have_printed(thread);
  }
  print_stack(0);
  _exit(1);
}

struct Listener final : doctest::IReporter {
  explicit Listener(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData& data) override { test_case.store(data.m_name); }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("hang_report", 1, Listener);

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

} // namespace

void report_hang() {
  const char* seconds = std::getenv("WEIR_HANG_REPORT_S");
  const int after = seconds == nullptr ? 0 : std::atoi(seconds);
  if (after <= 0)
    return;
  void* frame[1];
  backtrace(frame, 1); // loads what it needs, which a handler could not
  handle(SIGUSR2, print_stack);
  handle(SIGALRM, report);
  alarm(static_cast<unsigned>(after));
}

} // namespace weir::test

// For the test "hang_report", which asks for it by its name.
TEST_CASE("hang report: waits until the program is told to end" * doctest::skip()) {
  std::promise<void>().get_future().wait();
}
