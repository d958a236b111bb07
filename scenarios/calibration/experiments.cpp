#include "unplug/scenarios/calibration/experiments.hpp"

namespace unplug::scenarios::calibration {

std::vector<Experiment> experiments() {
  std::vector<Experiment> all;
  for (const auto list : {grace_period_experiments(), handler_experiments(), removal_experiments()})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

const Experiment* find_experiment(std::string_view name) {
  for (const auto list : {grace_period_experiments(), handler_experiments(), removal_experiments()})
    for (const Experiment& e : list)
      if (e.name == name) return &e;
  return nullptr;
}

}  // namespace unplug::scenarios::calibration
