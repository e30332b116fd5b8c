#include "greeting.h"

#include <stdio.h>

void greet(const char *name)
{
	/* Both would tell two builds apart if they were not the same for each. */
	printf("hello %s, from %s of %s\n", name, __FILE__, __DATE__);
}
