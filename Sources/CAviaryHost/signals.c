#include "aviary_host.h"
