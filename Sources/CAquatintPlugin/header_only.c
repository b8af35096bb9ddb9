#include "aquatint_plugin.h"
