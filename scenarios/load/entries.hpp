// The ways by which others enter the driver, and what a workload asks for, by the names that reports and files call them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// The functions by which others enter the driver (operations, handlers, attributes, callbacks), each with what is said if nobody ever did.
[[nodiscard]] std::map<std::uint32_t, std::string> entries_of(const Program& program);
// "foo_open with foo_remove": a function, and the removal of what it belongs to.
[[nodiscard]] std::string with_removal(const Program& program, std::uint32_t function);
// "foo_ioctl/readl#2"
[[nodiscard]] std::string step_name(const SiteSpec& site);
// The sites at which a task of user space asks for something that can be refused.
[[nodiscard]] std::vector<std::uint32_t> sites_that_ask(const Program& program, const TaskSpec& task);

// All that `never` of an expectation may say of a program: "foo_ioctl", "foo_ioctl with foo_remove", "user", "user/open#1", "unbind".
[[nodiscard]] std::vector<std::string> never_words(const Program& program);

}  // namespace unplug::scenarios
