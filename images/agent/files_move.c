/* Moving: a rename, and where the kernel has none (other file systems, folders of the image's layers) a copy that takes
 * its place by a rename, after which the original is deleted. */
#include "files_requests.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { TAG_TO = 2, TAG_OVERWRITE = 16, TAG_PARENTS };

static bool rename_as_told(const char *from, const char *to, bool overwrite)
{
    if (overwrite)
        return !rename(from, to);
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    struct stat st;
    if (!lstat(to, &st)) {
        errno = EEXIST;
        return false;
    }
    return !rename(from, to);
}

/* A folder cannot be moved into itself; the kernel says so for a rename only. */
static bool is_inside(const char *from, const char *to)
{
    char real_from[PATH_MAX], real_to[PATH_MAX], above[PATH_MAX];
    strcpy(above, to);
    char *slash = strrchr(above, '/');
    if (slash)
        slash[slash == above] = 0;
    if (!realpath(from, real_from) || !realpath(slash ? above : ".", real_to))
        return false;
    size_t length = strlen(real_from);
    return !strncmp(real_from, real_to, length) && (!real_to[length] || real_to[length] == '/');
}

/* Beside the goal, so that the last step is a rename. */
bool name_beside(const char *to, char beside[PATH_MAX])
{
    uint64_t any;
    const char *slash = strrchr(to, '/');
    int folder = slash ? (int)(slash - to) + 1 : 0;
    if (getrandom(&any, sizeof any, 0) != sizeof any)
        return false;
    int length = snprintf(beside, PATH_MAX, "%.*s.podexec-%016llx", folder, to, (unsigned long long)any);
    errno = ENAMETOOLONG;
    return length < PATH_MAX;
}

struct move {
    const char *from, *to;
    bool overwrite;
};

/* 0 or an errno; what failed is in `r`. */
static int move_by_copy(struct removal *r, const struct move *m)
{
    char beside[PATH_MAX];
    struct stat st;
    if (lstat(m->from, &st))
        return errno;
    if (S_ISDIR(st.st_mode) && is_inside(m->from, m->to))
        return EINVAL;
    if (!m->overwrite && !lstat(m->to, &st))
        return EEXIST;
    if (!name_beside(m->to, beside))
        return errno;
    int error = copy_tree(r, m->from, beside);
    if (!error && !rename_as_told(beside, m->to, m->overwrite))
        error = errno;
    struct removal leftover = {.c = r->c};
    if (error) {
        remove_tree(&leftover, beside);
        return error;
    }
    return remove_tree(r, m->from) ? 0 : r->error;
}

void files_move(struct files_connection *c, const struct frame *request)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct removal r = {.c = c};
    if (!request_path(c, request, TAG_PATH, from) || !request_path(c, request, TAG_TO, to))
        return;
    struct stat st;
    if (lstat(from, &st)) {
        send_fail(c, errno, from, NULL);
        return;
    }
    if (request_flag(request, TAG_PARENTS) && !make_parents(to)) {
        send_fail(c, errno, to, NULL);
        return;
    }
    struct move m = {from, to, request_flag(request, TAG_OVERWRITE)};
    int error = rename_as_told(from, to, m.overwrite) ? 0 : errno;
    if (error == EXDEV)
        error = move_by_copy(&r, &m);
    if (error)
        send_fail(c, error, r.error ? r.where : to, error == EINVAL ? "a folder cannot be moved into itself" : NULL);
    else
        send_done(c);
}
