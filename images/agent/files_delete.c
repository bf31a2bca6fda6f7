/* Deleting. Nothing is followed: a link goes, not what it names; and what is mounted below stays. */
#include "files_requests.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_RECURSIVE = 16, DEEPEST = 256, PASSES = 16 };

/* What is bound from the same file system has its device too: only the kernel tells (Linux 5.8). */
static bool is_mount(int fd)
{
    struct statx stx;
    return !statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) && stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool is_dots(const char *name) { return !strcmp(name, ".") || !strcmp(name, ".."); }

static bool fail_at(struct removal *r, int folder, const char *name, int error)
{
    char link[64];
    if (r->error)
        return false;
    r->error = error;
    if (folder == AT_FDCWD) {
        snprintf(r->where, sizeof r->where, "%s", name);
        return false;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, r->where, sizeof r->where - 1);
    r->where[length > 0 ? length : 0] = 0;
    size_t used = strlen(r->where);
    snprintf(r->where + used, sizeof r->where - used, "/%s", name);
    return false;
}

static bool empty_folder(struct removal *r, int folder, unsigned depth);

static bool remove_folder(struct removal *r, int folder, const char *name, unsigned depth)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return fail_at(r, folder, name, error);
    }
    if (st.st_dev != r->device || is_mount(fd) || depth > DEEPEST) {
        close(fd);
        return fail_at(r, folder, name, depth > DEEPEST ? ELOOP : EBUSY);
    }
    if (!empty_folder(r, fd, depth))
        return false;
    if (unlinkat(folder, name, AT_REMOVEDIR) && errno != ENOENT)
        return fail_at(r, folder, name, errno);
    r->count++;
    return true;
}

static bool remove_entry(struct removal *r, int folder, const struct dirent *entry, unsigned depth)
{
    if (is_cancelled(r->c))
        return fail_at(r, folder, entry->d_name, ECANCELED);
    if (entry->d_type == DT_DIR)
        return remove_folder(r, folder, entry->d_name, depth);
    if (!unlinkat(folder, entry->d_name, 0))
        r->count++;
    else if (errno == EISDIR)
        return remove_folder(r, folder, entry->d_name, depth);
    else if (errno != ENOENT)
        return fail_at(r, folder, entry->d_name, errno);
    return true;
}

/* Takes the descriptor. Entries that came while others went are found by another pass; there is an end to that. */
static bool empty_folder(struct removal *r, int folder, unsigned depth)
{
    DIR *dir = fdopendir(folder);
    if (!dir) {
        fail_at(r, folder, ".", errno);
        close(folder);
        return false;
    }
    bool found = true, done = true;
    for (int pass = 0; found && done && pass < PASSES; pass++) {
        found = false;
        rewinddir(dir);
        for (struct dirent *entry; done && (entry = readdir(dir));)
            if (!is_dots(entry->d_name)) {
                found = true;
                done = remove_entry(r, folder, entry, depth + 1);
            }
    }
    closedir(dir);
    return done;
}

/* Of the folder that holds a path, by which a mounted file system is known on older kernels. */
static dev_t device_above(const char *path, dev_t otherwise)
{
    char above[PATH_MAX];
    struct stat st;
    int length = snprintf(above, sizeof above, "%s/..", path);
    return length < (int)sizeof above && !stat(above, &st) ? st.st_dev : otherwise;
}

bool remove_tree(struct removal *r, const char *path)
{
    struct stat st;
    if (lstat(path, &st))
        return fail_at(r, AT_FDCWD, path, errno);
    r->device = device_above(path, st.st_dev);
    if (S_ISDIR(st.st_mode))
        return remove_folder(r, AT_FDCWD, path, 0);
    r->count = 1;
    return !unlink(path) || fail_at(r, AT_FDCWD, path, errno);
}

static const char *why_not(int error)
{
    switch (error) {
    case EBUSY: return "something is mounted there";
    case ELOOP: return "folders lie deeper than 256 levels";
    default: return NULL;
    }
}

/* The folder where commands start, and those above it. */
static bool holds_work(const char *path)
{
    char real[PATH_MAX], work[PATH_MAX];
    if (!realpath(path, real) || !getcwd(work, sizeof work))
        return false;
    size_t length = strlen(real);
    return !strncmp(real, work, length) && (!work[length] || work[length] == '/' || length == 1);
}

/* A slash behind a link would follow it. */
static void cut_slashes(char *path)
{
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = 0;
}

void files_delete(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX];
    struct stat st;
    struct removal r = {.c = c};
    if (!request_path(c, request, TAG_PATH, path))
        return;
    cut_slashes(path);
    if (lstat(path, &st)) {
        send_fail(c, errno, path, NULL);
        return;
    }
    if (S_ISDIR(st.st_mode) && holds_work(path)) {
        send_fail(c, EBUSY, path, "commands start there");
        return;
    }
    bool is_folder = S_ISDIR(st.st_mode), recursive = request_flag(request, TAG_RECURSIVE);
    if (is_folder && !recursive ? rmdir(path) != 0 : !remove_tree(&r, path)) {
        int error = r.error ? r.error : errno;
        send_fail(c, error, r.error && is_folder ? r.where : path, why_not(error));
        return;
    }
    put_field_number(answer_begin(c, FILES_DONE), 1, recursive || !is_folder ? r.count : 1, 8);
    answer_end(c);
}
