// Files as large as they may be, or larger: a clear error or a correct load, in 64 MiB or 20 times the file's size, whichever is more.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "program.hpp"

using namespace unplug::test;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif
// Sanitizers are slow and keep what is freed: they see small files, and their memory isn't looked at.
constexpr std::size_t mib = std::size_t{1} << 20U, large = sanitized ? mib : 50 * mib;

struct Checked {
  int code = -1;
  std::size_t file = 0, peak = 0;  // bytes
  std::string out;
};

// unplug ARGUMENTS..., in a process of its own; one of them is the file.
Checked run(std::vector<std::string> arguments, const std::filesystem::path& file) {
  const std::string out = file.string() + ".out";
  arguments.insert(arguments.begin(), "unplug");
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int to = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (to < 0 || ::dup2(to, 1) < 0 || ::dup2(to, 2) < 0) ::_exit(120);
    if (::chdir(UNPLUG_SOURCE_DIR) == 0) ::execv(UNPLUG_BINARY, argv.data());
    ::_exit(121);
  }
  int status = 0;
  rusage used{};
  REQUIRE(::wait4(child, &status, 0, &used) == child);
  Checked c;
  c.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  c.file = std::filesystem::file_size(file);
  c.peak = static_cast<std::size_t>(used.ru_maxrss) * 1024;
  c.out = read_file(out);
  return c;
}

using Part = std::function<std::string(std::size_t)>;

// What is done with a file: the arguments of unplug that name it.
using Use = std::function<std::vector<std::string>(const std::string& file, const std::string& out)>;
std::vector<std::string> to_validate(const std::string& file, const std::string&) { return {"validate", file}; }
std::vector<std::string> as_policy(const std::string& file, const std::string& out) {
  return {"run", "scenarios/templates/chardev.json", "--form", "buggy", "--quiet", "--out", out, "--policy", file};
}
std::vector<std::string> to_replay(const std::string& file, const std::string&) { return {"replay", file, "--quiet"}; }

Checked use(const Use& how, const std::string& head, const Part& part, const std::string& tail, std::size_t size) {
  const Folder folder("memory");
  {
    std::ofstream out(folder.path / "large.json", std::ios::binary);
    out << head;
    for (std::size_t written = head.size(), i = 0; written < size; ++i) {
      const std::string p = part(i);
      out << p;
      written += p.size();
    }
    out << tail << std::flush;
    REQUIRE(out.good());
  }
  Checked c = run(how(folder / "large.json", folder / "out"), folder.path / "large.json");
  INFO(c.out.substr(0, 500));
  CAPTURE(c.file);
  CAPTURE(c.peak);
  if (!sanitized) CHECK(c.peak <= std::max(64 * mib, 20 * c.file));
  CHECK((c.code <= 2 || c.code == 4));
  CHECK(c.out.size() < 40'000);
  return c;
}

// `head`, then parts until the file has `size` bytes, then `tail`; validated.
Checked validate(const std::string& head, const Part& part, const std::string& tail, std::size_t size = large) {
  const Checked c = use(to_validate, head, part, tail, size);
  CHECK(c.code != 1);
  return c;
}

// A file of each kind, what is done with it, and what unplug answers then; `number`: a member that is a count.
struct Kind {
  std::string name;
  Use use;
  std::string text, number;
  int code;
};
std::vector<Kind> kinds() {
  const Folder folder("memory_failure");
  run_unplug("run scenarios/templates/timer.json --form buggy --quiet --out " + folder / "out");
  std::string failure;
  for (const auto& e : std::filesystem::directory_iterator(folder.path / "out" / "failures")) failure = read_file(e.path());
  const std::string source = UNPLUG_SOURCE_DIR "/scenarios/templates/";
  return {{"scenario", to_validate, read_file(source + "chardev.json"), "\"cpus\": 2", 0},
          {"policy", as_policy, read_file(source + "policy.json"), "\"ready\": 0", 0},
          {"failure", to_replay, failure, "\"index\": 0", 1}};
}
std::string key_of(const Kind& k) { return k.number.substr(0, k.number.find(':') + 1); }

// The file with `with` in the place of its number.
Checked changed(const Kind& k, const std::string& with) {
  const std::size_t at = k.text.find(k.number);
  REQUIRE(at != std::string::npos);
  return use(
      k.use, k.text.substr(0, at) + with, [](std::size_t) { return std::string(" "); }, k.text.substr(at + k.number.size()), at);
}

const std::string head = R"({"name": "t", "shared": {"x": 0}, "run": {"threads": {"P": [)";
const std::string tail = R"({"READ_ONCE": "x", "to": "v"}]}}})";

}  // namespace

TEST_CASE("a large file: many steps") {
  const Checked c = validate(
      head, [](std::size_t) { return R"({"READ_ONCE": "x", "to": "v"}, )"; }, tail);
  CHECK(c.code == 2);
  if (!sanitized) CHECK(c.out.find("error: file has more than 1000000 values") != std::string::npos);
}

TEST_CASE("a large file: nothing but comments and blanks, which loads") {
  const Checked c = validate(
      head, [](std::size_t i) { return i % 2 == 0 ? std::string(1000, ' ') + "\n" : "// " + std::string(1000, 'c') + "\n"; }, tail);
  CHECK(c.code == 0);
}

TEST_CASE("a large file: nothing but line ends, which loads") {
  CHECK(validate(
            head, [](std::size_t) { return std::string(4096, '\n'); }, tail)
            .code == 0);
}

TEST_CASE("a large file: one long string") {
  const Checked c = validate(R"({"name": "t", "title": ")", [](std::size_t) { return std::string(4096, 'a'); }, R"(", "run": {}})");
  CHECK(c.code == 2);
  CHECK(c.out.find("error: string 'aaaaaaaaaaaaaaaaaaaa...' is too long") != std::string::npos);
}

TEST_CASE("a large file: a string of escapes") {
  const Checked c = validate(R"({"name": "t", "title": ")", [](std::size_t) { return std::string(R"(\u20ac\n)"); }, R"(", "run": {}})");
  CHECK(c.code == 2);
  CHECK(c.out.find("is too long") != std::string::npos);
}

TEST_CASE("a large file: many keys") {
  const Checked c = validate(R"({"name": "t", "shared": {)", [](std::size_t i) { return fmt::format("\"k{}\": 0, ", i); },
                             R"("x": 0}, "run": {"threads": {"P": []}}})");
  CHECK(c.code == 2);
}

TEST_CASE("a large file: the same key again and again") {
  const Checked c = validate(R"({"name": "t", "shared": {)", [](std::size_t) { return "\"key\": \"" + std::string(500, 'v') + "\", "; },
                             R"("x": 0}, "run": {"threads": {"P": []}}})");
  CHECK(c.code == 2);
  CHECK(c.out.find("duplicate key 'key'") != std::string::npos);
  CHECK(c.out.find("... 80 more errors") != std::string::npos);
}

TEST_CASE("a large file: deep nesting") {
  for (const std::string open : {"[", "{\"a\":"}) {
    const Checked c = validate(
        open, [&](std::size_t) { return open; }, "");
    CHECK(c.code == 2);
    CHECK(c.out.find("nesting is deeper than 200 levels") != std::string::npos);
  }
}

TEST_CASE("a large file: numbers, dense and long") {
  for (const std::string number : {"0,", "-1234567890123456789,", "1e-300,"}) {
    const Checked c = validate(R"({"name": "t", "shared": {"a": [)", [&](std::size_t) { return number; }, "0]}, \"run\": {}}");
    CHECK(c.code == 2);
  }
}

TEST_CASE("a large file: errors, of which 20 are shown and 1000 are counted") {
  const Checked c = validate(
      head, [](std::size_t) { return "\"" + std::string(900, 'e') + "\", "; }, tail);
  CHECK(c.code == 2);
  CHECK(c.out.find("... 980 more errors, and there may be others") != std::string::npos);
}

TEST_CASE("a large file: NUL bytes, and bytes that are no UTF-8") {
  CHECK(validate(
            head, [](std::size_t) { return std::string(4096, '\0'); }, tail)
            .out.find("error: NUL byte") != std::string::npos);
  CHECK(validate(
            head, [](std::size_t) { return std::string(4096, '\xff'); }, tail)
            .out.find("error: invalid UTF-8 byte '0xff'") != std::string::npos);
}

TEST_CASE("files at the limits of what a file and a scenario may have, which are small") {
  const auto zero = [](std::size_t) { return std::string("0,"); };
  const std::string begin = R"({"name": "t", "shared": {"a": [)", end = R"(0]}, "run": {"threads": {"P": []}}})";
  const Checked values = validate(begin, zero, end, begin.size() + 2 * 999'980U);
  CHECK(values.code == 2);
  CHECK(values.out.find("error: a scenario of 99") != std::string::npos);
  CHECK(validate(begin, zero, end, begin.size() + 2 * 19'980U).code == 0);
  CHECK(validate(R"({"name": "t", "run": {"threads": {"P": [)", [](std::size_t) { return std::string("\"rcu_barrier\","); },
                 R"("rcu_barrier"]}}})", 14 * 19'980U)
            .code == 0);
  CHECK(validate(R"({"name": "t", "run": {"threads": {"P": []}}, "expect": [)", [](std::size_t) { return std::string("{},"); }, "{}]}",
                 3 * 99'900U)
            .code == 0);
}

TEST_CASE("a file of as many variants as there may be") {
  std::string values = "0";
  for (int i = 1; i < 1000; ++i) values += fmt::format(", {}", i);
  const Checked c =
      validate(R"({"name": "t", "run": {"threads": {"P": []}}, "params": {"n": [)" + values + "], ",
               [](std::size_t i) { return i < 98 ? fmt::format("\"p{}\": 0, ", i) : std::string(20, ' '); }, R"("z": 0}})", 8000);
  CHECK(c.code == 0);
}

TEST_CASE("a file larger than files may be") {
  if (sanitized) return;
  const Checked c = validate(
      head, [](std::size_t) { return std::string(4096, ' '); }, tail, 65 * mib);
  CHECK(c.code == 2);
  CHECK(c.out.find("file is larger than 64 MiB") != std::string::npos);
}

TEST_CASE("a scenario, a policy, a failure file: as they are, and with what no file may have") {
  for (const Kind& k : kinds()) {
    CAPTURE(k.name);
    CHECK(changed(k, k.number).code == k.code);
    const std::string key = key_of(k);
    const auto refused = [&](const std::string& with, const std::string& why) {
      const Checked c = changed(k, with);
      CHECK(c.code == 2);
      CHECK_MESSAGE(c.out.find("error: " + why) != std::string::npos, c.out.substr(0, 500));
      CHECK(c.out.find("large.json:") != std::string::npos);
    };
    refused(k.number + std::string(1, '\0'), "NUL byte");
    refused("\"a" + std::string(1, '\0') + "\": 0, " + k.number, "NUL byte");
    refused("\"\xff\": 0, " + k.number, "invalid UTF-8 byte '0xff'");
    refused("\"\xc0\xaf\": 0, " + k.number, "invalid UTF-8 byte '0xc0'");
    refused(k.number + ", " + k.number, "duplicate key '");
    refused(key + " " + std::string(100'000, '['), "nesting is deeper than 200 levels");
    refused(key + " " + std::string(100'000, '[') + std::string(100'000, ']'), "nesting is deeper than 200 levels");
    refused(key + " 1e999", "number '1e999' is out of range");
    refused(key + " 18446744073709551616", "integer '18446744073709551616' is out of range");
    refused(key + " -9223372036854775809", "integer '-9223372036854775809' is out of range");
    refused(key + " -1", "-1 is out of range");
    refused(key + " 1.5", "found a real number");
    refused(key + " \"1\"", "found a string");
  }
}

TEST_CASE("a large scenario, policy or failure file: blanks and comments are nothing, a value without end is refused") {
  for (const Kind& k : kinds()) {
    CAPTURE(k.name);
    const std::size_t at = k.text.find(k.number);
    const std::string before = k.text.substr(0, at), after = k.text.substr(at);
    const auto large_file = [&](const std::string& begin, const Part& part, const std::string& end) {
      return use(k.use, before + begin, part, end + after, large);
    };
    const Part comments = [](std::size_t i) { return i % 2 == 0 ? std::string(1000, ' ') + "\n" : "// " + std::string(1000, 'c') + "\n"; };
    CHECK(large_file("", comments, "").code == k.code);
    for (const char* const element : {"0,", "{},", "\"x\",", "[[]],"}) {
      CAPTURE(element);
      const Checked c = large_file(
          "\"more\": [", [&](std::size_t) { return std::string(element); }, "0], ");
      // Smaller under a sanitizer: then it is only a key that a scenario and a policy haven't, and a failure file doesn't mind.
      CHECK(c.code == (sanitized && k.name == "failure" ? k.code : 2));
      if (!sanitized) CHECK(c.out.find("error: file has more than 1000000 values") != std::string::npos);
    }
  }
}

TEST_CASE("a policy's texts are as long as other strings of files may be") {
  const Kind policy = kinds().at(1);
  const Checked c = use(
      policy.use, R"({"unplug": "policy/1", "parts": {}, "name": ")", [](std::size_t) { return std::string(4096, 'a'); }, "\"}", large);
  CHECK(c.code == 2);
  CHECK(c.out.find("error: string 'aaaaaaaaaaaaaaaaaaaa...' is too long") != std::string::npos);
}

TEST_CASE("a failure file of many decisions, or with one that no execution has, is refused or not reproduced") {
  const Kind failure = kinds().at(2);
  const std::string list = "\"decisions\": [";
  const std::size_t at = failure.text.find(list) + list.size();
  const std::string before = failure.text.substr(0, at), after = failure.text.substr(at);
  const auto decisions = [&](const std::string& d, std::size_t size) {
    return use(
        failure.use, before, [&](std::size_t) { return d + ","; }, after, size);
  };
  const std::string decision = R"({"step": 1, "task": "probe", "op": "x", "among": ["probe", "remove"]})";
  const Checked c = decisions(decision, large);
  CHECK(c.code == (sanitized ? 4 : 2));  // smaller under a sanitizer
  if (!sanitized) CHECK(c.out.find("error: file has more than 1000000 values") != std::string::npos);
  CHECK(decisions(decision, 8 * mib).code == 4);
  const Checked choice = decisions(R"({"step": 1, "task": "probe", "op": "x", "choice": 4294967296, "of": 2})", at + 1);
  CHECK(choice.code == 2);
  CHECK(choice.out.find("error: 4294967296 is out of range") != std::string::npos);
}
