/* What a path is. */
#include "files_requests.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_LINK_ITSELF = 16 };

static uint8_t kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return 1;
    case S_IFDIR: return 2;
    case S_IFLNK: return 3;
    case S_IFIFO: return 4;
    case S_IFSOCK: return 5;
    case S_IFCHR: return 6;
    case S_IFBLK: return 7;
    default: return 0;
    }
}

const char *what_kind(mode_t mode)
{
    static const char *const kinds[] = {
        "is of an unknown kind", NULL, "is a folder", "is a symbolic link", "is a FIFO", "is a socket", "is a character device",
        "is a block device",
    };
    return kinds[kind_of(mode)];
}

static uint64_t nanoseconds(struct timespec t) { return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec; }

void put_info(struct buffer *b, const struct stat *st, const char *real, const char *target)
{
    put_field_number(b, 1, kind_of(st->st_mode), 1);
    put_field_number(b, 2, (uint64_t)st->st_size, 8);
    put_field_number(b, 3, st->st_mode & 07777, 4);
    put_field_number(b, 4, st->st_uid, 4);
    put_field_number(b, 5, st->st_gid, 4);
    put_field_number(b, 6, nanoseconds(st->st_mtim), 8);
    put_field_number(b, 7, st->st_ino, 8);
    put_field_number(b, 8, nanoseconds(st->st_ctim), 8);
    put_field_number(b, 15, st->st_dev, 8);
    if (real)
        put_field(b, 9, real, strlen(real));
    if (target)
        put_field(b, 10, target, strlen(target));
}

void files_stat(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX], real[PATH_MAX], target[PATH_MAX];
    struct stat st;
    if (!request_path(c, request, TAG_PATH, path))
        return;
    bool itself = request_flag(request, TAG_LINK_ITSELF);
    if (itself ? lstat(path, &st) : stat(path, &st)) {
        send_fail(c, errno, path, NULL);
        return;
    }
    ssize_t length = S_ISLNK(st.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
    if (length >= 0)
        target[length] = 0;
    put_info(answer_begin(c, FILES_INFO), &st, realpath(path, real) ? real : NULL, length >= 0 ? target : NULL);
    answer_end(c);
    send_done(c);
}

/* Looked at before it is opened: opening a FIFO wakes who waits at its other end, opening a device may do anything. */
int open_regular(struct files_connection *c, const char *path, struct stat *st)
{
    if (stat(path, st)) {
        send_fail(c, errno, path, NULL);
        return -1;
    }
    int fd = S_ISREG(st->st_mode) ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (fd >= 0 && !fstat(fd, st) && S_ISREG(st->st_mode))
        return fd;
    int error = errno;
    const char *kind = what_kind(st->st_mode);
    if (fd >= 0)
        close(fd);
    send_fail(c, kind ? (S_ISDIR(st->st_mode) ? EISDIR : EINVAL) : error, path, kind);
    return -1;
}
