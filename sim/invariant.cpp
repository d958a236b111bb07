#include "unplug/sim/invariant.hpp"

#include <stdexcept>

namespace unplug::sim {

void invariant_broken(const char* what) { throw std::logic_error(what); }

}  // namespace unplug::sim
