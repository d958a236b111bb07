// Where a declaration is a step.
#pragma once

#include <set>

#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// Whether what it names is what it makes, and no use of it.
[[nodiscard]] bool declares(const Program& program, const Instruction& instruction);

// Whether the thing that instruction `at` of function `f` declares is declared there once in its life: from top to bottom of probe() what a
// binding has for itself, of init() what is static.
[[nodiscard]] bool made_once(const Program& program, std::size_t f, std::size_t at);

// Memory, by number, of which each time makes another one: some step allocates it with "to", and its name does not mean that one.
[[nodiscard]] std::set<std::uint32_t> made_each_time(const Program& program);

// Leaves Instruction::sets_up to those declarations that may find their thing used before. Not those in functions of policies, nor members
// of memory that is another one each time ("to"), nor where a thing is declared in one place that is reached once in its life.
// `functions`: how many are the driver's; they come first.
void find_what_is_set_up_again(Program& program, std::size_t functions);

// Fills Program::puts_modules: which removals lead to a module_put(), by calls, by callbacks that they name, or by what devres calls.
void find_who_puts_modules(Program& program);

}  // namespace unplug::scenarios
