/* secret.h: where a secret decides something that everyone may see. Internal.
 *
 * The ctgrind build marks keys as undefined memory and lets valgrind report every branch
 * and every index that depends on them. S3CSE_PUBLIC marks the few results that are meant
 * to be seen: whether data verifies. In other builds it does nothing. */
#ifndef S3CSE_SRC_SECRET_H
#define S3CSE_SRC_SECRET_H

#if defined(S3CSE_CTGRIND)
#include <valgrind/memcheck.h>
#define S3CSE_PUBLIC(data, len) ((void)VALGRIND_MAKE_MEM_DEFINED((data), (len)))
#else
#define S3CSE_PUBLIC(data, len) ((void)0)
#endif

#endif
