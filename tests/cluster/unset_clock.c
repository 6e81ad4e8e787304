/* A host whose clock starts in 1970. It is loaded before the C library, and gives a time of day in the first 1000 seconds of
   1970 until the file exists that CLOCK_SET names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, time);
    const char *set = getenv("CLOCK_SET");
    if (result == 0 && id == CLOCK_REALTIME && set != NULL && access(set, F_OK) != 0) time->tv_sec %= 1000;
    return result;
}
