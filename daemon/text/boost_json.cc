// Boost.JSON compiled here once: Debian's libboost-dev has its headers, and linking the library
// would ask for another package.
#include <boost/json/src.hpp>
