/* Files for output that exceeds memory. Processes in the sandbox may delete, replace or truncate them and
 * their folder: a file is used through its descriptor, and by name only after a look at what it is. */
#include "agent.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 512, MAX_HELD = 128 };

struct spill {
    uint64_t id, size, order;  /* order 0: a free place */
    dev_t device;
    ino_t inode;
    int fd;                    /* held by the newest: the name may come to mean another file */
    bool finished;             /* nothing more is written */
    bool owned;                /* a known command refers to it */
};

static struct spill files[MAX_FILES];
static char folder[PATH_MAX];
static int folder_fd = -1;
static uint64_t limit, used, last_order;

void spill_setup(const char *dir, uint64_t most)
{
    snprintf(folder, sizeof folder, "%s", dir);
    limit = most;
}

static void make_parents(void)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", folder);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(path, 0755);
        *at = '/';
    }
    mkdir(path, 0700);
}

/* A folder that is no longer at its path (`rm -rf /tmp/...`) is made again. */
static bool open_folder(void)
{
    struct stat held, named;
    if (folder_fd >= 0 && !fstat(folder_fd, &held) && !lstat(folder, &named) && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev)
        return true;
    if (folder_fd >= 0)
        close(folder_fd);
    make_parents();
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder_fd < 0 || fstat(folder_fd, &held) || held.st_uid == geteuid())
        return folder_fd >= 0;
    close(folder_fd);
    folder_fd = -1;
    return false;
}

static void name_of(const struct spill *s, char name[32]) { snprintf(name, 32, "%016llx.out", (unsigned long long)s->id); }

const char *spill_path(const struct spill *s)
{
    static char path[PATH_MAX + 40];
    char name[32];
    name_of(s, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static bool is_the_file(const struct spill *s, const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_ino == s->inode && st->st_dev == s->device;
}

static void let_go(struct spill *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static void evict(struct spill *s)
{
    char name[32];
    struct stat st;
    name_of(s, name);
    if (folder_fd >= 0 && !fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) && is_the_file(s, &st))
        unlinkat(folder_fd, name, 0);
    used -= s->size;
    let_go(s);
    s->size = 0;
    s->inode = 0;
    if (!s->owned)
        s->order = 0;
}

/* Files of finished commands go, the oldest first, until there is room; false when none is left. */
static bool make_room(uint64_t wanted, bool place)
{
    for (;;) {
        struct spill *oldest = NULL;
        bool has_place = !place;
        for (struct spill *s = files; s < files + MAX_FILES; s++) {
            has_place |= !s->order;
            if (s->order && s->size && s->finished && (!oldest || s->order < oldest->order))
                oldest = s;
        }
        if (has_place && used + wanted <= limit)
            return true;
        if (!oldest)
            return false;
        evict(oldest);
    }
}

struct spill *spill_open(uint64_t id)
{
    char name[32];
    struct stat st;
    if (!make_room(2 * MEMORY_HALF, true) || !open_folder())
        return NULL;
    struct spill *s = files;
    while (s < files + MAX_FILES && s->order)
        s++;
    if (s == files + MAX_FILES)
        return NULL;
    *s = (struct spill){.id = id, .fd = -1};
    name_of(s, name);
    s->fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return NULL;
    if (fstat(s->fd, &st)) {
        close(s->fd);
        return NULL;
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->order = ++last_order;
    s->owned = true;
    return s;
}

/* Fewer bytes than given: no room, now or for ever. */
size_t spill_write(struct spill *s, const void *bytes, size_t length)
{
    size_t done = 0, fits = length;
    if (s->finished)
        return 0;
    if (used + length > limit && !make_room(length, false))
        fits = used < limit ? (size_t)(limit - used) : 0;
    while (done < fits) {
        ssize_t n = pwrite(s->fd, (const char *)bytes + done, fits - done, (off_t)(s->size + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    s->size += done;
    used += done;
    return done;
}

static int reopen(const struct spill *s)
{
    char name[32];
    struct stat st;
    name_of(s, name);
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || (!fstat(fd, &st) && is_the_file(s, &st)))
        return fd;
    close(fd);
    return -1;
}

uint64_t spill_size(const struct spill *s) { return s ? s->size : 0; }

/* 0 when the file is gone, was replaced or was cut. */
size_t spill_read(struct spill *s, uint64_t offset, void *bytes, size_t length)
{
    if (!s->size)
        return 0;
    int fd = s->fd >= 0 ? s->fd : reopen(s);
    if (fd < 0)
        return 0;
    ssize_t got = pread(fd, bytes, length, (off_t)offset);
    if (fd != s->fd)
        close(fd);
    return got > 0 ? (size_t)got : 0;
}

/* Of the files that are only read any more, the oldest is from now on found by its name. */
static void hold_fewer(void)
{
    struct spill *oldest = NULL;
    size_t held = 0;
    for (struct spill *s = files; s < files + MAX_FILES; s++) {
        if (!s->order || !s->finished || s->fd < 0)
            continue;
        held++;
        if (!oldest || s->order < oldest->order)
            oldest = s;
    }
    if (held > MAX_HELD)
        let_go(oldest);
}

/* Nothing will be written any more: the file may be evicted from now on. */
void spill_finish(struct spill *s)
{
    if (!s || s->finished)
        return;
    s->finished = true;
    hold_fewer();
}

/* Its command is forgotten; the file stays and still counts. */
void spill_disown(struct spill *s)
{
    if (!s)
        return;
    spill_finish(s);
    let_go(s);
    s->owned = false;
    if (!s->size)
        s->order = 0;
}
