/* Lets a disk hang. It is loaded before the C library, and makes every write to a regular file, and every sync, wait for as
   long as the file exists that STALL_FILE names, and every positioned read for as long as one of that name with ".read" does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void wait_while_there(int fd, const char *suffix) {
    struct stat what;
    char path[4096];
    const char *stall = getenv("STALL_FILE");
    if (stall == NULL || fstat(fd, &what) != 0 || !S_ISREG(what.st_mode)) return;
    snprintf(path, sizeof path, "%s%s", stall, suffix);
    while (access(path, F_OK) == 0) nanosleep(&(struct timespec){0, 5000000}, NULL);
}

static void wait_while_stalled(int fd) { wait_while_there(fd, ""); }

ssize_t pread64(int fd, void *bytes, size_t count, off_t at) {
    ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, "pread64");
    wait_while_there(fd, ".read");
    return real(fd, bytes, count, at);
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
