/* Copies a tree: what a file is and who owns it stays. Sockets and devices are not copied. */
#include "files_requests.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { DEEPEST = 128, PIECE = 1 << 24 };

static int copy_entry(struct removal *r, int from, int to, const char *name, const char *new_name, unsigned depth);

static int copy_bytes(struct removal *r, int in, int out)
{
    for (ssize_t got = 1; got;) {
        if (is_cancelled(r->c))
            return ECANCELED;
        got = sendfile(out, in, NULL, PIECE);
        if (got < 0 && errno != EINTR)
            return errno;
    }
    return 0;
}

static int copy_file(struct removal *r, int from, int to, const char *name, const char *new_name)
{
    int in = openat(from, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return errno;
    int out = openat(to, new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int error = out < 0 ? errno : copy_bytes(r, in, out);
    close(in);
    if (out >= 0)
        close(out);
    return error;
}

static int copy_link(int from, int to, const char *name, const char *new_name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(from, name, target, sizeof target - 1);
    if (length < 0)
        return errno;
    target[length] = 0;
    return symlinkat(target, to, new_name) ? errno : 0;
}

static int copy_entries(struct removal *r, DIR *dir, int to, unsigned depth)
{
    int error = 0;
    for (struct dirent *entry; !error && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            error = copy_entry(r, dirfd(dir), to, entry->d_name, entry->d_name, depth + 1);
    return error;
}

static int copy_folder(struct removal *r, int from, int to, const char *name, const char *new_name, unsigned depth)
{
    if (depth > DEEPEST)
        return ELOOP;
    int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = in < 0 ? NULL : fdopendir(in);
    int error = dir ? 0 : errno;
    int out = error || mkdirat(to, new_name, 0700) ? -1 : openat(to, new_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!error)
        error = out < 0 ? errno : copy_entries(r, dir, out, depth);
    if (dir)
        closedir(dir);
    else if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return error;
}

static int copy_by_kind(struct removal *r, int from, int to, const char *name, const char *new_name, unsigned depth, mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return copy_file(r, from, to, name, new_name);
    case S_IFDIR: return copy_folder(r, from, to, name, new_name, depth);
    case S_IFLNK: return copy_link(from, to, name, new_name);
    case S_IFIFO: return mkfifoat(to, new_name, 0600) ? errno : 0;
    default: return EOPNOTSUPP;
    }
}

static int copy_entry(struct removal *r, int from, int to, const char *name, const char *new_name, unsigned depth)
{
    struct stat st;
    if (is_cancelled(r->c))
        return ECANCELED;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno;
    int error = copy_by_kind(r, from, to, name, new_name, depth, st.st_mode);
    if (error)
        return error;
    if (fchownat(to, new_name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW))
        errno = 0;
    struct timespec times[] = {st.st_atim, st.st_mtim};
    if (!S_ISLNK(st.st_mode) && fchmodat(to, new_name, st.st_mode & 07777, 0))
        return errno;
    return utimensat(to, new_name, times, AT_SYMLINK_NOFOLLOW) ? errno : 0;
}

int copy_tree(struct removal *r, const char *from, const char *to)
{
    return copy_entry(r, AT_FDCWD, AT_FDCWD, from, to, 0);
}
