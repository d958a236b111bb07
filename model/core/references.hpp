// Who has taken references on something and not given them back: for saying who holds it, and whose it is that is never given back.
//
// Written beside the steps that count, on the counted object only; none of it feeds a guard or a value.
#pragma once

#include <string>
#include <vector>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

struct Reference {
  bool of_file = false;  // the kernel's own, for an open file; else code of a module has taken it
  LifetimeId binding;    // that the code ran for; none: for none
  SiteId site;           // where it was taken
  TaskId task;           // who opened the file, or took it,
  NameId role;           // and as what
  std::uint32_t event = 0;
};

struct References {
  std::vector<Reference> taken;  // in order

  // From the effect of the step that counts. `of_file`: for an open file.
  void take(Context& context, bool of_file = false);
  // Likewise: forgets the last one that was taken for the same; if there is none, nothing.
  void give_back(bool of_file = false);
};

// "an open file of 'user', try_module_get#1 in foo_ioctl", each once, sorted; with how many there are of it.
[[nodiscard]] std::string holders_of(const Kernel& kernel, const References& references);

}  // namespace unplug::model
