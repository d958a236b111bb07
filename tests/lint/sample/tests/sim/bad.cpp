#include "unplug/model/memory.hpp"  // bad: sim includes what stands above it
auto t = std::chrono::high_resolution_clock::now();  // bad: the wall clock
double allowed_in_tests;
