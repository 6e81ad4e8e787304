/* Lets a disk stand still: loaded before the C library, it has every write to a regular file, and every sync, wait for as long
   as the file exists that STALL_FILE names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void wait_while_stalled(int fd) {
    struct stat what;
    const char *stall = getenv("STALL_FILE");
    if (stall == NULL || fstat(fd, &what) != 0 || !S_ISREG(what.st_mode)) return;
    while (access(stall, F_OK) == 0) nanosleep(&(struct timespec){0, 5000000}, NULL);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    wait_while_stalled(fd);
    return real(fd, bytes, count);
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    wait_while_stalled(fd);
    return real(fd);
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    wait_while_stalled(fd);
    return real(fd);
}
