/* The worker for watches: what watch.c and watch_arm.c share. */
#ifndef WATCH_H
#define WATCH_H

#include "agent.h"
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum {
    MAX_WATCHES = 256, MAX_CHANGED = 32, SETTLE_US = 50000, REARM_US = 1000000, IN_ROOM = 16384, OUT_ROOM = 16384,
    EVENTS = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
             IN_DELETE_SELF | IN_MOVE_SELF,
};
enum watch_type { WATCH_ADD = 1, WATCH_REMOVE, WATCH_ADDED = 65, WATCH_CHANGED, WATCH_FAILED };
enum change { CHANGE_CONTENT = 1, CHANGE_CREATED = 2, CHANGE_GONE = 4, CHANGE_ATTRIBUTES = 8, CHANGE_LOST = 16 };

/* A watch: on the thing itself where it is a folder, and on the folder it is in. */
struct watched {
    uint64_t id;               /* 0: a free place */
    char *path;                /* real, and without a slash at its end; "" is the root */
    int self, parent;          /* inotify's; -1: not armed */
    uint32_t changes;
    char names[MAX_CHANGED][NAME_MAX + 1];
    size_t count;
    int64_t tell_at, rearm_at;
};

struct watcher {
    int fd, inotify;
    bool gone;
    struct watched *list[MAX_WATCHES];
    unsigned char in[IN_ROOM];
    size_t end;
};

/* ---- watch_arm.c: which folders the kernel is asked about */

/* Takes what is not armed yet; false where it will be tried again. */
bool watched_arm(struct watcher *w, struct watched *one);
void watched_disarm(struct watcher *w, int *number);
void watched_drop(struct watcher *w, size_t index);
size_t watched_place(const struct watcher *w, uint64_t id);
/* 0 or an errno. */
int watched_add(struct watcher *w, uint64_t id, const struct field *path, struct stat *st);

#endif
