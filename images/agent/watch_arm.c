/* Which folders the kernel is asked about for a watch. */
#include "watch.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* inotify has one number for one folder, however many ask for it. */
static bool is_used(const struct watcher *w, int number)
{
    for (size_t i = 0; i < MAX_WATCHES; i++)
        if (w->list[i] && (w->list[i]->self == number || w->list[i]->parent == number))
            return true;
    return false;
}

void watched_disarm(struct watcher *w, int *number)
{
    int old = *number;
    *number = -1;
    if (old >= 0 && !is_used(w, old))
        inotify_rm_watch(w->inotify, old);
}

/* Without a folder above there is nothing that would tell of a return: then it is tried again after a while. */
bool watched_arm(struct watcher *w, struct watched *one)
{
    struct stat st;
    char *slash = strrchr(one->path, '/');
    const char *path = *one->path ? one->path : "/";
    if (slash && one->parent < 0) {
        char folder[PATH_MAX];
        size_t length = (size_t)(slash - one->path);
        memcpy(folder, one->path, length);
        strcpy(folder + length, length ? "" : "/");
        one->parent = inotify_add_watch(w->inotify, folder, EVENTS | IN_ONLYDIR);
    }
    if (one->self < 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        one->self = inotify_add_watch(w->inotify, path, EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW);
    bool armed = slash ? one->parent >= 0 : one->self >= 0;
    one->rearm_at = armed ? NEVER : now_us() + REARM_US;
    return armed;
}

void watched_drop(struct watcher *w, size_t index)
{
    struct watched *one = w->list[index];
    watched_disarm(w, &one->self);
    watched_disarm(w, &one->parent);
    w->list[index] = NULL;
    free(one->path);
    free(one);
}

size_t watched_place(const struct watcher *w, uint64_t id)
{
    size_t i = 0;
    while (i < MAX_WATCHES && (w->list[i] ? w->list[i]->id : 0) != id)
        i++;
    return i;
}

int watched_add(struct watcher *w, uint64_t id, const struct field *path, struct stat *st)
{
    char asked[PATH_MAX], real[PATH_MAX];
    size_t place = watched_place(w, 0);
    if (id == 0 || watched_place(w, id) < MAX_WATCHES)
        return EEXIST;
    if (place == MAX_WATCHES)
        return ENOSPC;
    if (path->length == 0 || path->length >= sizeof asked || memchr(path->bytes, 0, path->length))
        return EINVAL;
    memcpy(asked, path->bytes, path->length);
    asked[path->length] = 0;
    if (!realpath(asked, real) || stat(real, st))
        return errno;
    struct watched *one = calloc(1, sizeof *one);
    if (!one || !(one->path = strdup(real[1] ? real : ""))) {
        free(one);
        return ENOMEM;
    }
    one->id = id;
    one->self = one->parent = -1;
    one->tell_at = NEVER;
    w->list[place] = one;
    if (watched_arm(w, one))
        return 0;
    int error = errno;
    watched_drop(w, place);
    return error;
}
