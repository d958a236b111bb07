// Measuring by ratio. Machines differ and neighbours interfere, so a figure of ours is given as a multiple of a raw context switch (a
// boost::context ping-pong) that was timed just before and just after it, in the same process, on the same thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace unplug::bench {

// What a sample did: how many units (steps, tasks, executions), in how much CPU time of this thread.
struct Sample {
  std::uint64_t units = 0;
  double ns = 0;
};

struct Row {
  std::string name, unit;
  double good = 0, limit = 0;    // targets, as ratios; 0: none
  std::function<Sample()> take;  // a few milliseconds of work
};

struct Result {
  const Row* row = nullptr;
  double ns = 0;                              // per unit, median over rounds
  double ratio = 0, lowest = 0, highest = 0;  // to the raw switch: median and range over rounds
};

// CPU time of the calling thread.
double cpu_ns();

// Nanoseconds of a raw switch, now.
double raw_switch_ns();

// Runs `work` until a few milliseconds have passed, or once; work() answers how many units it did.
Sample sample(const std::function<std::uint64_t()>& work, double at_least_ns = 4e6);

// One round to warm up, then `rounds` rounds over all rows, each sample between two raw ones.
std::vector<Result> measure(const std::vector<Row>& rows, unsigned rounds);

double median(std::vector<double> values);

}  // namespace unplug::bench
