// What functions return, by the names that C has for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unplug::scenarios {

// "-ENODEV": an error of the kernel.
[[nodiscard]] std::optional<std::uint64_t> error_named(std::string_view word);
// That, or what a handler, a notifier or a poll answers: "IRQ_HANDLED".
[[nodiscard]] std::optional<std::uint64_t> result_named(std::string_view word);
// The names of errors, in the order of their numbers; and all names.
[[nodiscard]] std::vector<std::string> error_names();
[[nodiscard]] std::vector<std::string> result_names();

}  // namespace unplug::scenarios
