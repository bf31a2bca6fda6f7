/* Writing a file: what comes goes to a file of its own beside the old one and takes its place by a rename, so that
 * readers see the old or the new content and never a part. */
#include "files_write.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

enum { LOCK_TRIES = 100, LOCK_PAUSE_US = 5000 };

bool write_failed(struct writing *w, int error, const char *message)
{
    if (!w->error) {
        w->error = error;
        w->message = message;
    }
    return false;
}

/* A link is followed to what it names: its target is replaced, the link stays. */
static bool find_target(struct writing *w, bool parents)
{
    struct stat link;
    if (lstat(w->path, &link)) {
        if (errno != ENOENT || (parents && !make_parents(w->path)))
            return write_failed(w, errno, NULL);
    } else if (S_ISLNK(link.st_mode)) {
        char real[PATH_MAX];
        if (!realpath(w->path, real))
            return write_failed(w, errno, errno == ENOENT ? "is a symbolic link that leads nowhere" : NULL);
        strcpy(w->path, real);
    }
    char *slash = strrchr(w->path, '/');
    w->base = slash ? slash + 1 : w->path;
    if (!*w->base || !strcmp(w->base, ".") || !strcmp(w->base, ".."))
        return write_failed(w, EISDIR, NULL);
    char first = *w->base;
    if (slash)
        w->path[w->base - w->path] = 0;
    w->folder = open(slash ? w->path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    w->path[w->base - w->path] = first;
    return w->folder >= 0 || write_failed(w, errno, NULL);
}

static bool look_at_old(struct writing *w)
{
    w->exists = !fstatat(w->folder, w->base, &w->old, AT_SYMLINK_NOFOLLOW);
    if (!w->exists)
        return errno == ENOENT || write_failed(w, errno, NULL);
    const char *kind = what_kind(w->old.st_mode);
    if (kind)
        return write_failed(w, S_ISDIR(w->old.st_mode) ? EISDIR : EINVAL, kind);
    return w->how != CREATE || write_failed(w, EEXIST, NULL);
}

static uint64_t nanoseconds(struct timespec t) { return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec; }

static bool is_unchanged(struct writing *w)
{
    struct stat now;
    if (!w->expected)
        return true;
    if (fstatat(w->folder, w->base, &now, AT_SYMLINK_NOFOLLOW))
        return write_failed(w, ESTALE, "was removed meanwhile");
    if (get64(w->expected) != now.st_ino || get64(w->expected + 8) != (uint64_t)now.st_size ||
        get64(w->expected + 16) != nanoseconds(now.st_mtim) || get64(w->expected + 24) != nanoseconds(now.st_ctim))
        return write_failed(w, ESTALE, "was changed meanwhile");
    return true;
}

/* Files of /proc and /sys have no room for another beside them. */
static bool open_in_place(struct writing *w)
{
    int flags = O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
    w->how = IN_PLACE;
    w->fd = is_unchanged(w) ? openat(w->folder, w->base, flags) : -1;
    return w->fd >= 0 || write_failed(w, errno, NULL);
}

static bool open_beside(struct writing *w)
{
    uint64_t any;
    if (getrandom(&any, sizeof any, 0) != sizeof any)
        return write_failed(w, errno, NULL);
    snprintf(w->name, sizeof w->name, ".podexec-%016llx", (unsigned long long)any);
    w->fd = openat(w->folder, w->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (w->fd >= 0)
        return true;
    w->name[0] = 0;
    bool has_no_room = errno == ENOENT || errno == EACCES || errno == EPERM || errno == EROFS || errno == EOPNOTSUPP;
    return w->exists && has_no_room ? open_in_place(w) : write_failed(w, errno, NULL);
}

static mode_t new_mode(const struct writing *w)
{
    mode_t mask = umask(0);
    umask(mask);
    return w->mode != NO_MODE ? (mode_t)w->mode : 0666 & ~mask;
}

static bool open_to_append(struct writing *w)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
    struct stat st;
    w->fd = openat(w->folder, w->base, flags, 0600);
    if (w->fd < 0 || fstat(w->fd, &st))
        return write_failed(w, errno, NULL);
    if (!S_ISREG(st.st_mode))
        return write_failed(w, EINVAL, what_kind(st.st_mode));
    w->start = st.st_size;
    if (!w->exists || w->mode != NO_MODE)
        fchmod(w->fd, new_mode(w));
    return true;
}

bool write_begin(struct writing *w, bool parents)
{
    return find_target(w, parents) && look_at_old(w) && (w->how == APPEND ? open_to_append(w) : open_beside(w));
}

bool write_put(struct writing *w, const unsigned char *bytes, size_t length)
{
    while (length) {
        ssize_t put = write(w->fd, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return write_failed(w, put < 0 ? errno : ENOSPC, NULL);
        bytes += put;
        length -= (size_t)put;
        w->written += (uint64_t)put;
    }
    return true;
}

/* Others that write the same file the same way wait here until this one is done; who holds the lock longer is ignored. */
static int lock_old(const struct writing *w)
{
    int fd = openat(w->folder, w->base, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    for (int tries = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && tries < LOCK_TRIES; tries++)
        usleep(LOCK_PAUSE_US);
    return fd;
}

/* What is mounted on cannot be renamed over: /etc/hosts and the like are written in place. */
static bool write_in_place(struct writing *w)
{
    static char bytes[MAX_PAYLOAD];
    int from = w->fd;
    w->written = 0;
    w->fd = openat(w->folder, w->base, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    bool done = w->fd >= 0 && !lseek(from, 0, SEEK_SET);
    for (ssize_t got = 1; done && got;) {
        got = read(from, bytes, sizeof bytes);
        done = got >= 0 && write_put(w, (unsigned char *)bytes, (size_t)got);
    }
    write_failed(w, done ? 0 : errno, NULL);
    close(from);
    if (done)
        unlinkat(w->folder, w->name, 0);
    return done;
}

static bool put_in_place(struct writing *w)
{
    if (w->how != CREATE) {
        if (!renameat(w->folder, w->name, w->folder, w->base))
            return true;
        return errno == EBUSY ? write_in_place(w) : write_failed(w, errno, NULL);
    }
    if (!renameat2(w->folder, w->name, w->folder, w->base, RENAME_NOREPLACE))
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return write_failed(w, errno, NULL);
    if (linkat(w->folder, w->name, w->folder, w->base, 0))
        return write_failed(w, errno, NULL);
    return !unlinkat(w->folder, w->name, 0);
}

/* Mode and owner stay as they were; an owner that cannot be given is the one who writes. */
bool write_finish(struct writing *w)
{
    if (w->error || w->how == APPEND || w->how == IN_PLACE)
        return !w->error;
    if (w->exists && fchown(w->fd, w->old.st_uid, w->old.st_gid))
        errno = 0;
    if (fchmod(w->fd, w->exists && w->mode == NO_MODE ? w->old.st_mode & 07777 : new_mode(w)))
        return write_failed(w, errno, NULL);
    int lock = lock_old(w);
    bool done = is_unchanged(w) && put_in_place(w);
    if (lock >= 0)
        close(lock);
    return done;
}

/* Nothing stays of what did not come to its end. */
void write_clean_up(struct writing *w, bool done)
{
    if (!done && w->name[0])
        unlinkat(w->folder, w->name, 0);
    if (!done && !w->name[0] && w->fd >= 0 && w->written) {
        struct stat now;
        if (!fstat(w->fd, &now) && now.st_size == w->start + (off_t)w->written && ftruncate(w->fd, w->start))
            errno = 0;
    }
    if (w->folder >= 0)
        close(w->folder);
}

