/* What the generated source is compiled against; the compiler checks cdef.h against it. */
#include "s3cse.h"
