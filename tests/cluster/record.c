/* Writes down what a process asks of the system, in order: loaded before the C library, it adds a line to the file that
   RECORD_FILE names for each write, sync, rename, removal and shortening of a file below RECORD_DIR, and each directory made
   there, once that was done, and for each line of text that is sent, before it is. A write has a line for each line written. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Longest line that is kept; of longer ones the beginning is. */
#define LINE_MAX_BYTES 1200

#define REAL(name) (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

/* The name of a file below RECORD_DIR, "." for that itself; NULL for all others. */
static const char *below(const char *path) {
    const char *dir = getenv("RECORD_DIR");
    size_t length = dir == NULL ? 0 : strlen(dir);
    if (length == 0 || strncmp(path, dir, length) != 0) return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] == 0 ? "." : NULL;
}

static const char *name_of(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return below(path);
}

/* One write for all of it: what other threads note stays whole, too. */
static void note(const char *head, const char *text, size_t bytes) {
    const char *file = getenv("RECORD_FILE");
    char *out = malloc(bytes + (bytes + 1) * (strlen(head) + 2));
    if (file == NULL || out == NULL) abort();
    size_t length = 0, at = 0;
    do {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t line = end == NULL ? bytes - at : (size_t)(end - text) - at;
        size_t kept = line < LINE_MAX_BYTES ? line : LINE_MAX_BYTES;
        length += sprintf(out + length, "%s ", head);
        memcpy(out + length, text + at, kept);
        length += kept;
        out[length++] = '\n';
        at += line + 1;
    } while (at < bytes);
    int fd = (REAL(open))(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || (REAL(write))(fd, out, length) != (ssize_t)length) abort();
    close(fd);
    free(out);
}

static void note_file(const char *verb, const char *name, const char *text, size_t bytes) {
    char head[PATH_MAX + 16];
    snprintf(head, sizeof head, "%s %s", verb, name);
    note(head, text, bytes);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    ssize_t done = (REAL(write))(fd, bytes, count);
    if (name != NULL && done > 0) note_file("write", name, bytes, done);
    return done;
}

/* What is copied from file to file has no text here. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    char path[PATH_MAX];
    const char *name = name_of(out, path);
    ssize_t done = (REAL(copy_file_range))(in, from, out, to, count, flags);
    if (name != NULL && done > 0) note_file("write", name, "", 0);
    return done;
}

static int noted_sync(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    int failed = real(fd);
    if (name != NULL && !failed) note_file("sync", name, "", 0);
    return failed;
}

int fsync(int fd) { return noted_sync(fd, REAL(fsync)); }

int fdatasync(int fd) { return noted_sync(fd, REAL(fdatasync)); }

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    int failed = (REAL(ftruncate64))(fd, length);
    if (name != NULL && !failed) note_file("truncate", name, "", 0);
    return failed;
}

int rename(const char *from, const char *to) {
    int failed = (REAL(rename))(from, to);
    const char *name = below(from), *new_name = below(to);
    if (name != NULL && new_name != NULL && !failed) note_file("rename", name, new_name, strlen(new_name));
    return failed;
}

int mkdir(const char *path, mode_t mode) {
    int failed = (REAL(mkdir))(path, mode);
    const char *name = below(path);
    if (name != NULL && !failed) note_file("mkdir", name, "", 0);
    return failed;
}

int unlink(const char *path) {
    int failed = (REAL(unlink))(path);
    const char *name = below(path);
    if (name != NULL && !failed) note_file("unlink", name, "", 0);
    return failed;
}

ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    note("send", bytes, count);
    return (REAL(send))(fd, bytes, count, flags);
}

ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to, socklen_t length) {
    note("send", bytes, count);
    return (REAL(sendto))(fd, bytes, count, flags, to, length);
}

static void note_buffers(const struct iovec *buffers, size_t count) {
    for (size_t at = 0; at < count; at++)
        if (buffers[at].iov_len > 0) note("send", buffers[at].iov_base, buffers[at].iov_len);
}

ssize_t writev(int fd, const struct iovec *buffers, int count) {
    struct stat what;
    if (fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode)) note_buffers(buffers, count);
    return (REAL(writev))(fd, buffers, count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    note_buffers(message->msg_iov, message->msg_iovlen);
    return (REAL(sendmsg))(fd, message, flags);
}
