/* Tools of the event loop: clock, memory that forks do not copy, epoll. */
#include "agent.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;

int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

const char *complaint_file;

/* Nobody reads the standard error of a sandbox that never came up: what is said is left where podexec looks for it. */
static void leave_complaint(const char *line, size_t length)
{
    int fd = complaint_file ? open(complaint_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    if (fd < 0)
        return;
    if (write(fd, line, length) < 0)
        complaint_file = NULL;
    close(fd);
}

void say(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length > sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    leave_complaint(line, (size_t)length);
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
}

/* Not copied by fork: a keeper neither pays for these pages nor keeps a stale copy of them. */
void *map_private(size_t size)
{
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        return NULL;
    madvise(address, size, MADV_DONTFORK);
    return address;
}

void unmap(void *address, size_t size)
{
    if (address)
        munmap(address, size);
}

void release_pages(void *address, size_t size) { madvise(address, size, MADV_DONTNEED); }

bool loop_open(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd >= 0;
}

static uint64_t tag(enum watch kind, size_t index) { return (uint64_t)kind << 32 | (uint64_t)index; }

/* Events as watch << 32 | index. Waits at most until the given time, in whole milliseconds, rounded up. */
int loop_wait(int64_t until, uint64_t *events, uint32_t *masks, int most)
{
    struct epoll_event got[64];
    int timeout = -1;
    if (until != NEVER) {
        int64_t rest = (until - now_us() + 999) / 1000;
        timeout = rest < 0 ? 0 : rest > 3600000 ? 3600000 : (int)rest;
    }
    int count = epoll_wait(epoll_fd, got, most < 64 ? most : 64, timeout);
    for (int i = 0; i < count; i++) {
        events[i] = got[i].data.u64;
        masks[i] = got[i].events;
    }
    return count;
}

bool watch_add(int fd, enum watch kind, size_t index, uint32_t mask)
{
    struct epoll_event event = {.events = mask, .data.u64 = tag(kind, index)};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void watch_change(int fd, enum watch kind, size_t index, uint32_t mask)
{
    struct epoll_event event = {.events = mask, .data.u64 = tag(kind, index)};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void watch_remove(int fd) { epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL); }

/* A keeper that has just been forked still holds a copy, so that close alone would not end the watch. */
void watch_close(int *fd)
{
    if (*fd < 0)
        return;
    watch_remove(*fd);
    close(*fd);
    *fd = -1;
}
