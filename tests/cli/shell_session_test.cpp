// The shell's conversation, with an engine that is made up and lines that are a list.
#include "api/cli/query_output.hpp"
#include "api/cli/shell_session.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace weir;
using cli::ShellLine;
using test::TempDirectory;

namespace {

class ListedLines : public cli::ShellLines {
public:
  ListedLines(std::vector<ShellLine> lines, bool terminal) : lines_(std::move(lines)), terminal_(terminal) {}

  [[nodiscard]] bool at_terminal() const noexcept override { return terminal_; }
  Result<ShellLine> next(const std::string& prompt, const std::string& begun) override {
    prompts += prompt + '\n';
    CHECK(begun.empty() == (prompt == "weir> "));
    if (at_ == lines_.size())
      return ShellLine{ShellLine::Kind::end, {}};
    return lines_[at_++];
  }
  void remember(const std::string& text) override { remembered.push_back(text); }

  std::string prompts;
  std::vector<std::string> remembered;

private:
  std::vector<ShellLine> lines_;
  std::size_t at_ = 0;
  bool terminal_;
};

/// A session over lines of text; "^C" drops what is being typed.
class Session {
public:
  Session(const std::vector<std::string>& lines, bool terminal, cli::ShellSettings settings = {})
      : lines_(listed(lines), terminal) {
    const int out_file = ::open(out_path_.c_str(), O_WRONLY | O_CREAT, 0600);
    const int err_file = ::open(err_path_.c_str(), O_WRONLY | O_CREAT, 0600);
    {
      cli::Output output(out_file);
      cli::Console console(err_file);
      cli::Streams streams{output, console};
      cli::ShellSession session(
          lines_, [this](const std::string& text, QueryStatement::Explain explain) { return execute(text, explain); },
          [&](const Executed& answer, const cli::ShellSettings& now) {
            return print_answer(answer, {now.format, now.plot && answer.query, 0, false}, output);
          },
          streams, settings);
      const auto result = session.run();
      code = result ? static_cast<int>(*result) : -1;
    }
    ::close(out_file);
    ::close(err_file);
    out = content(out_path_);
    err = content(err_path_);
  }

  int code = 0;
  std::string out, err;
  std::vector<std::string> executed;
  [[nodiscard]] const std::string& prompts() const { return lines_.prompts; }
  [[nodiscard]] const std::vector<std::string>& remembered() const { return lines_.remembered; }

private:
  static std::vector<ShellLine> listed(const std::vector<std::string>& lines) {
    std::vector<ShellLine> listed;
    for (const std::string& line : lines)
      listed.push_back(line == "^C" ? ShellLine{ShellLine::Kind::dropped, {}} : ShellLine{ShellLine::Kind::text, line});
    return listed;
  }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  Result<Executed> execute(const std::string& text, QueryStatement::Explain explain) {
    executed.push_back(text);
    if (text == "WRONG")
      return fail(Errc::parse_error, "expected a statement, found 'WRONG'", "line 1, column 1");
    if (text == "SLOW")
      return fail(Errc::cancelled, "the query was cancelled");
    Executed answer;
    if (text == "FLUSH") {
      answer.message = "flushed";
    } else if (explain != QueryStatement::Explain::none) {
      answer.explained = true;
      answer.result.explain = {explain == QueryStatement::Explain::plan ? "the plan" : "what it took"};
    } else if (text == "DAYS") {
      answer.query.emplace().per_unit = TimeUnit::day;
      answer.result.columns = {"day", "count"};
      answer.result.rows = {{Timestamp{}, 3}};
    } else {
      answer.result.columns = {"n"};
      answer.result.rows = {{static_cast<int>(executed.size())}};
    }
    return answer;
  }

  TempDirectory directory_;
  std::string out_path_ = directory_.path("out"), err_path_ = directory_.path("err");
  ListedLines lines_;
};

using Texts = std::vector<std::string>;

cli::ShellSettings settings(cli::Format format, bool keep_going = false) {
  cli::ShellSettings settings;
  settings.format = format;
  settings.keep_going = keep_going;
  return settings;
}

} // namespace

TEST_CASE("shell: statements over several lines are executed as soon as they are whole") {
  const Session session({"ONE", "  more;", "TWO; THREE", ""}, false, settings(cli::Format::jsonl));
  CHECK(session.code == 0);
  CHECK(session.executed == Texts{"ONE\n  more", "TWO", "THREE"});
  CHECK(session.out == "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
  CHECK(session.err == "");
  CHECK(session.prompts() == "weir> \n   -> \nweir> \n   -> \nweir> \n");
}

TEST_CASE("shell: the end of input ends a statement, too") {
  const Session session({"ONE", "more"}, false);
  CHECK(session.executed == Texts{"ONE\nmore"});
  CHECK(session.code == 0);
}

TEST_CASE("shell: who leaves a terminal in the middle of a statement did not ask for it") {
  const Session session({"ONE;", "STORE", "more"}, true);
  CHECK(session.executed == Texts{"ONE"});
  CHECK(session.code == 0);
}

TEST_CASE("shell: a script stops at its first error, with its place and exit code") {
  const Session session({"ONE;", "WRONG;", "TWO;"}, false, settings(cli::Format::csv));
  CHECK(session.executed == Texts{"ONE", "WRONG"});
  CHECK(session.code == 1);
  CHECK(session.out == "n\r\n1\r\n");
  CHECK(session.err == "weir: expected a statement, found 'WRONG' (line 1, column 1)\nWRONG\n^\n");
}

TEST_CASE("shell: a script goes on behind errors if asked to, and its exit code tells") {
  const Session session({"WRONG;", "ONE;", "\\nonsense", "TWO"}, false, settings(cli::Format::jsonl, true));
  CHECK(session.executed == Texts{"WRONG", "ONE", "TWO"});
  CHECK(session.code == 1);
  CHECK(session.err.find("there is no command \\nonsense") != std::string::npos);
  const Session stopped({"\\nonsense", "ONE;"}, false);
  CHECK(stopped.executed.empty());
  CHECK(stopped.code == 1);
}

TEST_CASE("shell: at a terminal an error is told, and the next statement is asked for") {
  const Session session({"WRONG;", "ONE;", "exit", "TWO;"}, true);
  CHECK(session.executed == Texts{"WRONG", "ONE"});
  CHECK(session.code == 0);
  CHECK(session.err.find("found 'WRONG'") != std::string::npos);
  CHECK(session.remembered() == Texts{"WRONG;", "ONE;"});
}

TEST_CASE("shell: Ctrl-C drops what is being typed and nothing else") {
  const Session session({"ONE", "'never ended", "^C", "TWO;", "^C", "THREE;"}, true);
  CHECK(session.executed == Texts{"TWO", "THREE"});
  CHECK(session.prompts() == "weir> \n   -> \n   '> \nweir> \nweir> \nweir> \nweir> \n");
}

TEST_CASE("shell: Ctrl-C takes the statements behind the cancelled one along, as far as they were typed with it") {
  const Session session({"ONE; SLOW; STORE; 'begun", "TWO;"}, true);
  CHECK(session.executed == Texts{"ONE", "SLOW", "TWO"});
  CHECK(session.remembered() == Texts{"ONE;", "SLOW;", "TWO;"});
}

TEST_CASE("shell: commands change how answers are shown") {
  const Session session({"ONE;", "\\format csv", "ONE;", "\\format jsonl", "ONE;", "\\explain", "ONE;",
                         "\\explain analyze", "ONE;", "\\explain off", "ONE;", "\\plot on", "DAYS;", "\\plot", "DAYS;",
                         "\\q", "TWO;"},
                        true);
  CHECK(session.out == "n\n-\n1\n"
                       "n\r\n2\r\n"
                       "{\"n\":3}\n"
                       "the plan\n"
                       "what it took\n"
                       "{\"n\":6}\n"
                       "count per day\n"
                       "1970-01-01  #################################################################  3\n"
                       "{\"day\":\"1970-01-01T00:00:00.000000Z\",\"count\":3}\n");
  CHECK(session.err.find("explain is plan\nexplain is analyze\nexplain is off\nplot is on\nplot is off\n") !=
        std::string::npos);
  CHECK(session.executed.size() == 8);
}

TEST_CASE("shell: timing and messages are for people, and stay out of what a program reads") {
  const Session session({"\\timing", "FLUSH;", "\\?"}, true);
  CHECK(session.err.find("timing is on\nflushed\ntook ") != std::string::npos);
  CHECK(session.err.find(" ms\n") != std::string::npos);
  CHECK(session.out.find("\\timing [on|off]") != std::string::npos);
  const Session script({"\\timing on", "FLUSH;", "ONE;"}, false, settings(cli::Format::jsonl));
  CHECK(script.out == "{\"n\":2}\n");
  CHECK(script.err.find("flushed") == std::string::npos);
  CHECK(script.err.find("took ") != std::string::npos);
}

TEST_CASE("shell: wrong arguments of commands are named") {
  const Session session({"\\format xml", "\\explain loudly", "\\timing maybe", "\\q now"}, true);
  CHECK(session.err.find("\\format wants table, jsonl or csv") != std::string::npos);
  CHECK(session.err.find("\\explain wants off, plan or analyze") != std::string::npos);
  CHECK(session.err.find("\\timing wants on or off") != std::string::npos);
  CHECK(session.err.find("there is no command \\q now") != std::string::npos);
}
