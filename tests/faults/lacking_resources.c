/*
 * To be preloaded into a server: while the file $FULL_DISK exists, files whose path contains what stands in it
 * cannot be written, as on a full disk; what is written to files whose path contains $DISCARDED takes no room and is
 * not kept; while $TERMINATION exists, whoever would reserve room on the full disk is terminated; while $NO_MEMORY exists, nobody gets a mebibyte at once; and the clock is set by as many seconds as $CLOCK
 * says. Works for any user and in any container, where a small file system would have to be mounted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_of_path(int file, const char *wanted)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return strstr(path, wanted) != NULL;
}

static int is_discarded(int file)
{
    const char *wanted = getenv("DISCARDED");
    return wanted != NULL && is_of_path(file, wanted);
}

static int is_full(int file)
{
    const char *flag = getenv("FULL_DISK");
    char wanted[256];
    FILE *text = flag != NULL ? fopen(flag, "r") : NULL;
    if (text == NULL)
        return 0;
    char *line = fgets(wanted, sizeof wanted, text);
    fclose(text);
    if (line == NULL)
        return 0;
    wanted[strcspn(wanted, "\n")] = '\0';
    if (!is_of_path(file, wanted))
        return 0;
    errno = ENOSPC;
    return 1;
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t size)
{
    return file > 2 && is_full(file) ? -1 : NEXT(write)(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at)
{
    if (is_discarded(file))
        return (ssize_t)size;
    return is_full(file) ? -1 : NEXT(pwrite)(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at)
{
    if (is_discarded(file))
        return (ssize_t)size;
    return is_full(file) ? -1 : NEXT(pwrite64)(file, bytes, size, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
    return is_full(file) ? -1 : NEXT(pwritev)(file, parts, count, at);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at)
{
    return is_full(file) ? -1 : NEXT(pwritev64)(file, parts, count, at);
}

int posix_fallocate(int file, off_t at, off_t size)
{
    if (!is_full(file))
        return NEXT(posix_fallocate)(file, at, size);
    const char *flag = getenv("TERMINATION");
    if (flag != NULL && access(flag, F_OK) == 0)
        kill(getpid(), SIGTERM);
    return ENOSPC;
}

extern void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
    if (size >= 1024 * 1024) {
        const char *flag = getenv("NO_MEMORY");
        if (flag != NULL && access(flag, F_OK) == 0) {
            errno = ENOMEM;
            return NULL;
        }
    }
    return __libc_malloc(size);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int (*next)(struct timeval *, void *) = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int result = next(now, zone);
    const char *name = getenv("CLOCK");
    FILE *text = name != NULL && access(name, F_OK) == 0 ? fopen(name, "r") : NULL;
    long by = 0;
    if (text == NULL)
        return result;
    if (fscanf(text, "%ld", &by) == 1)
        now->tv_sec += by;
    fclose(text);
    return result;
}
