# include <unplug/reports/html.hpp>  // bad: scenarios includes what stands above it
#include "json/../x.hpp"  // bad: include by relative path
double allowed_here;
