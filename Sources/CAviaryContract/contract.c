#include "aviary_contract.h"
