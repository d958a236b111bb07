// The scenario files that ship with the tool: they are compiled in, and can be used by name from anywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unplug::scenarios {

struct ShippedFile {
  std::string path;  // "scenarios/corpus/cpu5wdt-timer-tail.json"
  std::string_view text;
};
// All of them, by path.
[[nodiscard]] std::vector<ShippedFile> shipped_files();
// The one that `name` is for: "scenarios/nova-timer.json", "nova-timer", "corpus/cpu5wdt-timer-tail". None if there is none, or it isn't
// clear which.
[[nodiscard]] std::optional<ShippedFile> shipped_file(std::string_view name);

// Its name without folder and ending, which shipped_file() takes unless another has the same: "nova-timer".
[[nodiscard]] std::string short_name(const ShippedFile& file);
// What its "title" says; empty if it has none.
[[nodiscard]] std::string title(const ShippedFile& file);
// The name of one that was most likely meant, as shipped_file() takes it; empty if none was.
[[nodiscard]] std::string nearest_shipped_file(std::string_view name);

}  // namespace unplug::scenarios
