/* A bad disk, for the stories: loaded into a program before the C library, it stands between the program (SQLite and
 * all else) and every call that writes under one folder, counts those calls, and lets the one it is told to fail.
 * Sockets, standard output, standard error and files elsewhere pass untouched. Linux only; built by the tests.
 *
 * LOKET_FAULTS_UNDER    the folder
 * LOKET_FAULTS_CONTROL  a file of numbers (u64, native), shared by all processes and rewritten while they run:
 *     calls    counted so far
 *     from     the first call that may fail, counted from 1; 0: none
 *     times    how many fail
 *     kind     1 EIO, 2 ENOSPC, 3 half is written and said so, 4 half is written and EIO said, 5 a sync fails,
 *              6 the process is killed before the call
 *     failed   how many have failed so far
 * LOKET_FAULTS_DISK     a folder that holds what a loss of power would leave, kept up with every sync: optional.
 *     Names are durable at once; bytes when a sync succeeds after they were written by the same process. What a
 *     failed sync was to write stays in memory only, as if it had been written: the system calls such pages clean.
 * LOKET_FAULTS_CLOCK    by how many seconds the clock is wrong: optional, and also without the others.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { EIO_ALWAYS = 1, NO_SPACE, SHORT, TORN, NO_SYNC, KILLED };
enum call { WRITES, SYNCS, NAMES };
enum { LONGEST = 4096, MOST_RANGES = 1 << 16, PIECE = 1 << 16 };

struct control {
    _Atomic uint64_t calls, from, times, kind, failed;
};

struct range {
    char path[256];
    off_t at;
    size_t length;
};

static struct control *control;
static char under[LONGEST], disk[LONGEST];
static struct range *ranges;
static size_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static time_t wrong_by;

int clock_gettime(clockid_t id, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (result == 0 && id == CLOCK_REALTIME) now->tv_sec += wrong_by;
    return result;
}

__attribute__((constructor)) static void begin(void) {
    const char *clock = getenv("LOKET_FAULTS_CLOCK");
    if (clock) wrong_by = (time_t)atoll(clock);
    const char *folder = getenv("LOKET_FAULTS_UNDER"), *file = getenv("LOKET_FAULTS_CONTROL");
    const char *left = getenv("LOKET_FAULTS_DISK");
    if (!folder || !file) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (map == MAP_FAILED) return;
    snprintf(under, sizeof under, "%s/", folder);
    if (left) {
        snprintf(disk, sizeof disk, "%s/", left);
        ranges = calloc(MOST_RANGES, sizeof *ranges);
    }
    control = map;
}

/* The path below the folder, or NULL for everything else. */
static const char *below(const char *path) {
    size_t length = strlen(under);
    if (!control || !path || strncmp(path, under, length) != 0) return NULL;
    return path + length;
}

static const char *below_fd(int fd, char *buffer) {
    char link[64];
    if (!control || fd <= 2) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, LONGEST - 1);
    if (length < 0) return NULL;
    buffer[length] = 0;
    return below(buffer);
}

/* Counts a call and tells how it is to fail; 0: it is not. */
static int fault(enum call call) {
    uint64_t number = atomic_fetch_add(&control->calls, 1) + 1;
    uint64_t from = atomic_load(&control->from);
    int kind = (int)atomic_load(&control->kind);
    if (from == 0 || number < from) return 0;
    if ((kind == SHORT || kind == TORN) && call != WRITES) return 0;
    if (kind == NO_SYNC && call != SYNCS) return 0;
    uint64_t failed = atomic_load(&control->failed);
    do {
        if (failed >= atomic_load(&control->times)) return 0;
    } while (!atomic_compare_exchange_weak(&control->failed, &failed, failed + 1));
    if (kind == KILLED) kill(getpid(), SIGKILL);
    return kind;
}

static int fails(enum call call) {
    int kind = fault(call);
    if (!kind) return 0;
    errno = kind == NO_SPACE ? ENOSPC : EIO;
    return 1;
}

static void on_disk(const char *path, char *buffer) { snprintf(buffer, LONGEST, "%s%s", disk, path); }

static void wrote(const char *path, off_t at, ssize_t length) {
    if (!ranges || length <= 0) return;
    pthread_mutex_lock(&lock);
    /* Too many to remember: a range that is forgotten counts as never written, which is the stricter side. */
    if (count < MOST_RANGES && strlen(path) < sizeof ranges->path) {
        strcpy(ranges[count].path, path);
        ranges[count].at = at;
        ranges[count++].length = (size_t)length;
    }
    pthread_mutex_unlock(&lock);
}

/* Copies what was written since to the disk, or forgets it. */
static void settle(int fd, const char *path, int kept) {
    char to[LONGEST], from[LONGEST];
    if (!ranges) return;
    on_disk(path, to);
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    pthread_mutex_lock(&lock);
    int in = (int)syscall(SYS_openat, AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
    int out = kept ? (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    size_t left = 0;
    for (size_t n = 0; n < count; n++) {
        if (strcmp(ranges[n].path, path) != 0) {
            ranges[left++] = ranges[n];
            continue;
        }
        char piece[PIECE];
        for (size_t done = 0; out >= 0 && done < ranges[n].length;) {
            size_t most = ranges[n].length - done < PIECE ? ranges[n].length - done : PIECE;
            ssize_t got = syscall(SYS_pread64, in, piece, most, ranges[n].at + (off_t)done);
            if (got <= 0) break;
            syscall(SYS_pwrite64, out, piece, (size_t)got, ranges[n].at + (off_t)done);
            done += (size_t)got;
        }
    }
    count = left;
    if (in >= 0) syscall(SYS_close, in);
    if (out >= 0) syscall(SYS_close, out);
    pthread_mutex_unlock(&lock);
}

/* How much of a write is done: all, the half that is said, or -1 with errno set. */
static ssize_t cut(size_t length, int kind) {
    if (kind == SHORT && length > 1) return (ssize_t)(length / 2);
    if (kind == SHORT || !kind) return (ssize_t)length;
    errno = kind == NO_SPACE ? ENOSPC : EIO;
    return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    char buffer[LONGEST];
    const char *path = below_fd(fd, buffer);
    if (!path) return REAL(pwrite64)(fd, bytes, length, at);
    int kind = fault(WRITES);
    if (kind == TORN) wrote(path, at, REAL(pwrite64)(fd, bytes, length / 2, at));
    ssize_t most = cut(length, kind);
    if (most < 0) return -1;
    ssize_t done = REAL(pwrite64)(fd, bytes, (size_t)most, at);
    wrote(path, at, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char buffer[LONGEST];
    const char *path = below_fd(fd, buffer);
    if (!path) return REAL(write)(fd, bytes, length);
    off_t at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    int kind = fault(WRITES);
    if (kind == TORN) wrote(path, at, REAL(write)(fd, bytes, length / 2));
    ssize_t most = cut(length, kind);
    if (most < 0) return -1;
    ssize_t done = REAL(write)(fd, bytes, (size_t)most);
    wrote(path, at, done);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int number) {
    char buffer[LONGEST];
    if (!below_fd(fd, buffer)) return REAL(writev)(fd, parts, number);
    /* Fewer than all may be written: the first alone, by the rules of write. */
    return number > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

/* A sync is not passed on: no power is lost here but the one that LOKET_FAULTS_DISK tells of, and a real one would
 * only take its time. */
static int synced(int fd, int (*real)(int)) {
    char buffer[LONGEST];
    const char *path = below_fd(fd, buffer);
    if (!path) return real(fd);
    if (fails(SYNCS)) {
        int error = errno;
        settle(fd, path, 0);
        errno = error;
        return -1;
    }
    settle(fd, path, 1);
    return 0;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int ftruncate64(int fd, off64_t length) {
    char buffer[LONGEST], left[LONGEST];
    const char *path = below_fd(fd, buffer);
    if (path && fails(NAMES)) return -1;
    int done = REAL(ftruncate64)(fd, length);
    if (path && done == 0 && ranges) {
        on_disk(path, left);
        syscall(SYS_truncate, left, length);
    }
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *from, const char *to) {
    char left_from[LONGEST], left_to[LONGEST];
    const char *path = below(to), *old = below(from);
    if (path && fails(NAMES)) return -1;
    int done = REAL(rename)(from, to);
    if (path && old && done == 0 && ranges) {
        on_disk(old, left_from);
        on_disk(path, left_to);
        syscall(SYS_renameat, AT_FDCWD, left_from, AT_FDCWD, left_to);
    }
    return done;
}

int link(const char *from, const char *to) {
    char left_from[LONGEST], left_to[LONGEST];
    const char *path = below(to), *old = below(from);
    if (path && fails(NAMES)) return -1;
    int done = REAL(link)(from, to);
    if (path && old && done == 0 && ranges) {
        on_disk(old, left_from);
        on_disk(path, left_to);
        syscall(SYS_linkat, AT_FDCWD, left_from, AT_FDCWD, left_to, 0);
    }
    return done;
}

int linkat(int at, const char *from, int there, const char *to, int flags) {
    if (at == AT_FDCWD && there == AT_FDCWD && below(to)) return link(from, to);
    return REAL(linkat)(at, from, there, to, flags);
}

int unlink(const char *name) {
    char left[LONGEST];
    const char *path = below(name);
    if (path && fails(NAMES)) return -1;
    int done = REAL(unlink)(name);
    if (path && done == 0 && ranges) {
        on_disk(path, left);
        syscall(SYS_unlinkat, AT_FDCWD, left, 0);
    }
    return done;
}

int mkdir(const char *name, mode_t mode) {
    char left[LONGEST];
    const char *path = below(name);
    if (path && fails(NAMES)) return -1;
    int done = REAL(mkdir)(name, mode);
    if (path && done == 0 && ranges) {
        on_disk(path, left);
        syscall(SYS_mkdirat, AT_FDCWD, left, 0700);
    }
    return done;
}

/* Making a file is a write; opening one that is there is none. */
static int makes(const char *name, int flags) {
    struct stat found;
    return (flags & O_CREAT) && below(name) && stat(name, &found) != 0;
}

#define OPEN(name, real, ...)                                                                                    \
    mode_t mode = 0;                                                                                             \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                         \
        va_list more;                                                                                            \
        va_start(more, flags);                                                                                   \
        mode = va_arg(more, mode_t);                                                                             \
        va_end(more);                                                                                            \
    }                                                                                                            \
    if (makes(name, flags) && fails(NAMES)) return -1;                                                           \
    return REAL(real)(__VA_ARGS__, flags, mode);

int open(const char *name, int flags, ...) { OPEN(name, open, name) }
int open64(const char *name, int flags, ...) { OPEN(name, open64, name) }
int openat(int at, const char *name, int flags, ...) { OPEN(name, openat, at, name) }
int openat64(int at, const char *name, int flags, ...) { OPEN(name, openat64, at, name) }
