/* Lets a file fail to be read: loaded before the C library, it has every read of the file that UNREADABLE names fail with EIO for
   as long as a file of that name with ".fault" exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd) {
    char link[64], path[PATH_MAX], fault[PATH_MAX + 16];
    const char *name = getenv("UNREADABLE");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = name == NULL ? -1 : readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    snprintf(fault, sizeof fault, "%s.fault", name);
    return strcmp(path, name) == 0 && access(fault, F_OK) == 0;
}

ssize_t read(int fd, void *bytes, size_t count) {
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    if (!fails(fd)) return real(fd, bytes, count);
    errno = EIO;
    return -1;
}
