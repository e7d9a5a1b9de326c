// What dynamic_initialisers.sh must see.
#include <cstdlib>
int chosen = std::atoi(std::getenv("HOME"));
