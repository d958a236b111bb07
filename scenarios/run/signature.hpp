// Signatures: what makes two violations the same one.
#pragma once

#include <compare>
#include <string>

#include "unplug/model/checker/checker.hpp"

namespace unplug::scenarios {

// Class, object as declared, role and step id of the offending step, role and step id of the step that ended the life. No task numbers,
// times, policies or strategies. Ids of one engine; text() is the same everywhere.
struct Signature {
  model::ViolationClass violation_class{};
  sim::NameId object, role, ender_role;
  sim::SiteId site, ender_site;
  auto operator<=>(const Signature&) const = default;
};

[[nodiscard]] Signature signature_of(const sim::Trace& trace, const model::Violation& v);
// "use-after-unmap(bar0): user nova_ioctl/readl#1 after remove devres_release_all/devm iounmap"
[[nodiscard]] std::string text(const model::Kernel& kernel, const Signature& s);

}  // namespace unplug::scenarios
