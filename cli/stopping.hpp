// What ends work before it is done: signals, and the limit that the user gives. The wall clock is looked at here and nowhere below.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace unplug::cli {

using Clock = std::chrono::steady_clock;

// From now on SIGINT, SIGTERM and SIGHUP end work at the next execution; what was found until then is reported. A second one kills.
void catch_signals();
// Writes to a pipe that nobody reads fail, and don't kill.
void ignore_broken_pipes();
// The signal that has come; 0: none.
[[nodiscard]] int caught_signal();
[[nodiscard]] bool stop_asked();

// "250ms", "90s", "10m", "2h". None if it is nothing of the kind, or nothing at all.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_limit(const std::string& text);
// Tells, from now on, whether so much time has passed.
[[nodiscard]] std::function<bool()> time_is_up(std::chrono::milliseconds limit);

}  // namespace unplug::cli
