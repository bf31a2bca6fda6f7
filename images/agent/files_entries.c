/* The entries of one folder, as they are, and links: what copying whole trees needs. */
#include "files_requests.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TAG_NAME = 12, TAG_TARGET = 2, TAG_OVERWRITE = 16 };

static void send_entry(struct files_connection *c, int folder, const char *name)
{
    char target[PATH_MAX];
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
        return;
    ssize_t length = S_ISLNK(st.st_mode) ? readlinkat(folder, name, target, sizeof target - 1) : -1;
    target[length > 0 ? length : 0] = 0;
    struct buffer *b = answer_begin(c, FILES_ITEM);
    put_info(b, &st, NULL, length > 0 ? target : NULL);
    put_field(b, TAG_NAME, name, strlen(name));
    answer_end(c);
}

/* A folder that is given as a link is followed. What goes away meanwhile is left out. */
void files_folder(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX];
    if (!request_path(c, request, TAG_PATH, path))
        return;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        send_fail(c, errno, path, NULL);
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; !c->gone && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            send_entry(c, fd, entry->d_name);
    closedir(dir);
    send_done(c);
}

/* Makes a link; one that replaces something else does so by a rename, and never replaces a folder. */
void files_link(struct files_connection *c, const struct frame *request)
{
    char path[PATH_MAX], target[PATH_MAX], beside[PATH_MAX];
    struct field f;
    if (!request_path(c, request, TAG_PATH, path))
        return;
    if (!request_field(request, TAG_TARGET, &f) || f.length == 0 || f.length >= sizeof target || memchr(f.bytes, 0, f.length)) {
        send_fail(c, EINVAL, path, "the link's target is missing, too long or holds a NUL byte");
        return;
    }
    memcpy(target, f.bytes, f.length);
    target[f.length] = 0;
    int error = symlink(target, path) ? errno : 0;
    if (error == EEXIST && request_flag(request, TAG_OVERWRITE)) {
        error = name_beside(path, beside) && !symlink(target, beside) ? 0 : errno;
        if (!error && rename(beside, path)) {
            error = errno;
            unlink(beside);
        }
    }
    if (error)
        send_fail(c, error, path, NULL);
    else
        send_done(c);
}
