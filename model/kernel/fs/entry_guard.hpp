// What stands around a driver's file operations, where the policy has such a gate.
#pragma once

#include <cstdint>

#include "unplug/model/core/context.hpp"

namespace unplug::model {

// What an entry or an access hands from begin to end.
using Token = std::uint64_t;

struct File;

// Around every file operation. Its code lives in a core module that the FD pins, apart from the driver's.
class EntryGuard {
 public:
  virtual ~EntryGuard() = default;
  // What it does beside an open file: before ->open(), whatever that answers then, and after ->release().
  virtual void opened(Context& /*context*/, File& /*file*/) {}
  virtual void closed(Context& /*context*/, File& /*file*/) {}
  virtual void init(Kernel& kernel, NameId unique_name) = 0;
  // false: refused (-ENODEV); nothing is held then.
  virtual bool enter(Context& context, Token& token) = 0;
  virtual void exit(Context& context, Token token) = 0;
  // Removal's half: refuses new entries and waits for those inside.
  virtual void fence(Context& context) = 0;
};

}  // namespace unplug::model
