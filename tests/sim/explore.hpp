// The walks over every execution are shared with the tests of model/; here they come with what the tests of sim/ share.
#pragma once

#include "support.hpp"
#include "support/explore.hpp"
