#pragma once
#include "aviary_contract.h"
