#include "unplug/scenarios/result/result.hpp"  // bad: model includes what stands above it
#include "unplug/sim/engine.hpp"
long double x;  // bad: floating point
