#include "unplug/cli/main.hpp"  // bad: reports includes what stands above it
#include "unplug/scenarios/result/result.hpp"
std::unordered_multimap<int, int> m;  // bad: unordered iteration
