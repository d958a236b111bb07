#include "unplug/cli/stopping.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <memory>

namespace unplug::cli {
namespace {

std::atomic<bool> asked{false};
std::atomic<int> came{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void ask_to_stop(int signal) {
  came = signal;
  asked = true;
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    // Who ignores it goes on ignoring it: nohup, jobs in the background.
    if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

int caught_signal() { return came; }
bool stop_asked() { return asked; }

std::optional<std::chrono::milliseconds> parse_limit(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(static_cast<const char*>(end), text.data() + text.size());
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> units{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const auto found = std::ranges::find(units, unit, &std::pair<std::string_view, std::uint64_t>::first);
  constexpr std::uint64_t most = 1'000'000;
  if (error != std::errc{} || found == units.end() || number == 0 || number > most) return {};
  return std::chrono::milliseconds(number * found->second);
}

std::function<bool()> time_is_up(std::chrono::milliseconds limit) {
  // Executions are shorter than a look at the clock is worth.
  constexpr unsigned each = 16;
  const auto end = Clock::now() + limit;
  const auto asked_so_often = std::make_shared<std::atomic<unsigned>>(0), over = std::make_shared<std::atomic<unsigned>>(0);
  return [=] {
    if (*over != 0) return true;
    if ((*asked_so_often)++ % each != 0 || Clock::now() < end) return false;
    *over = 1;
    return true;
  };
}

}  // namespace unplug::cli
