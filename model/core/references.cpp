#include "unplug/model/core/references.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace unplug::model {

void References::take(Context& context, bool of_file) {
  const sim::Engine& e = context.engine();
  const auto events = static_cast<std::uint32_t>(e.trace().events.size());
  taken.push_back({of_file, context.binding(), context.site(), e.current(), e.current_role(), events == 0 ? 0 : events - 1});
}

void References::give_back(bool of_file) {
  const auto last = std::ranges::find(taken.rbegin(), taken.rend(), of_file, &Reference::of_file);
  if (last != taken.rend()) taken.erase(std::next(last).base());
}

std::string holders_of(const Kernel& kernel, const References& references) {
  std::map<std::string, unsigned> by;  // of one open file there may be several: the table's owner and the cdev's
  for (const Reference& r : references.taken) {
    if (r.of_file) {
      by[fmt::format("an open file of '{}'", kernel.text(r.role))] = 1;
    } else if (!r.site) {  // by code that no file wrote
      ++by[fmt::format("'{}'", kernel.text(r.role))];
    } else {
      const Site& site = kernel.site(r.site);
      ++by[fmt::format("{} in {}", site.step, site.function)];
    }
  }
  std::vector<std::string> parts;
  for (const auto& [what, n] : by) parts.push_back(n == 1 ? what : fmt::format("{} ({} times)", what, n));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace unplug::model
