/* The host as a port: same contract. */
#pragma once
#include "arch-arm64/arch/veneer.h"
