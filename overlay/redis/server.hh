// Redis's headers for the overlay's C++.
#pragma once

// What server.h pulls in and C++ must see outside extern "C".
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/types.h>

extern "C" {
#include "server.h"
}

#undef min
#undef max
