// What dynamic_initialisers.sh must let pass: as Abseil does.
#include <iostream>
int chosen = 3;
