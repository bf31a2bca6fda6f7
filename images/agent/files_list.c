/* LIST: a tree level by level, so that what a limit leaves out is what lies deepest. */
#include "files_find.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_DEPTH = 21, MAX_QUEUE = 100000, MAX_ENTRIES = 100000, ITEM_PATH = 16, ITEM_ERROR, ITEM_OMITTED };

struct waiting {
    char *path;                /* below the root, with a slash behind; "" for the root */
    struct ignore *rules;
    uint32_t depth;
};

struct list {
    struct files_connection *c;
    struct choice choice;
    struct place place;
    struct waiting *queue;
    size_t at, count, room;
    struct ignore *newest;
    uint64_t left;
    uint32_t depth;
    enum cut cut;
};

static bool wait_for(struct list *list, const char *path, struct ignore *rules, uint32_t depth)
{
    if (list->count >= MAX_QUEUE) {
        list->cut = CUT_SIZE;
        return true;
    }
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        struct waiting *queue = realloc(list->queue, room * sizeof *queue);
        if (!queue)
            return false;
        list->queue = queue;
        list->room = room;
    }
    char *copy = strdup(path);
    if (copy)
        list->queue[list->count++] = (struct waiting){copy, rules, depth};
    return copy != NULL;
}

static void put_entry(struct list *list, int folder, const char *name, const char *path)
{
    char target[PATH_MAX];
    struct stat st;
    ssize_t length = -1;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
        return;
    if (S_ISLNK(st.st_mode) && (length = readlinkat(folder, name, target, sizeof target - 1)) >= 0)
        target[length] = 0;
    struct buffer *b = answer_begin(list->c, FILES_ITEM);
    put_info(b, &st, NULL, length >= 0 ? target : NULL);
    put_field(b, ITEM_PATH, path, strlen(path));
    answer_end(list->c);
}

/* About a folder: why it cannot be read, or how many of its entries are left out (0: not counted). */
static void put_about(struct list *list, const char *path, int error, uint64_t omitted)
{
    struct buffer *b = answer_begin(list->c, FILES_ITEM);
    put_field(b, ITEM_PATH, path, strlen(path));
    if (error)
        put_field(b, ITEM_ERROR, error_name(error), strlen(error_name(error)));
    else
        put_field_number(b, ITEM_OMITTED, omitted, 8);
    answer_end(list->c);
}

/* Sends a folder's entries and queues the folders among them. `path` has room for them. */
static void list_names(struct list *list, int folder, const struct names *names, char *path, const struct waiting *here,
                       struct ignore *rules)
{
    size_t base = strlen(path), shown = 0, i = 0;
    for (; i < names->count && (list->left || !names->list[i]->wanted); i++) {
        const struct name *name = names->list[i];
        size_t length = strlen(name->text);
        memcpy(path + base, name->text, length + 1);
        if (name->wanted) {
            put_entry(list, folder, name->text, path);
            list->left--;
            shown++;
        }
        memcpy(path + base + length, "/", 2);
        if (name->type == DT_DIR && here->depth < list->depth && !wait_for(list, path, rules, here->depth + 1))
            list->cut = CUT_SIZE;
        if (is_cancelled(list->c))
            return;
    }
    path[base] = 0;
    if (i < names->count || names->seen > names->count) {
        list->cut = CUT_LIMIT;
        put_about(list, path, 0, names->seen - i);
    }
}

static void list_folder(struct list *list, struct waiting here)
{
    char absolute[PATH_MAX + NAME_MAX + 2], *path;
    size_t root = strlen(list->place.path), length = strlen(here.path);
    if (root + length > MAX_PATH_BYTES - 1) {
        list->cut = CUT_SIZE;
        return;
    }
    memcpy(absolute, list->place.path, root);
    path = memcpy(absolute + root, here.path, length + 1);
    int folder = length ? open_folder(list->place.folder, path) : dup(list->place.folder);
    struct ignore *rules = here.rules;
    struct names names = {0};
    if (folder >= 0 && list->choice.ignore)
        rules = ignore_enter(rules, folder, root + length, &list->newest);
    list->choice.room = list->choice.has_wanted ? MAX_NAMES : (size_t)list->left;
    if (folder < 0 || !names_read(&names, folder, &list->choice, rules, absolute, root))
        put_about(list, path, errno, 0);
    else
        list_names(list, folder, &names, path, &here, rules);
    if (names.too_long)
        list->cut = CUT_SIZE;
    if (names.timed_out)
        list->cut = CUT_TIME;
    names_free(&names);
    if (folder >= 0)
        close(folder);
}

static void list_tree(struct list *list)
{
    struct ignore *above = list->choice.ignore ? ignore_above(list->place.path, &list->newest) : NULL;
    if (!wait_for(list, "", above, 1))
        return;
    while (list->at < list->count && !list->c->gone) {
        if (now_us() > list->choice.until)
            list->cut = CUT_TIME;
        if (list->cut == CUT_TIME)
            break;
        if (list->left == 0) {
            list->cut = CUT_LIMIT;
            break;
        }
        struct waiting here = list->queue[list->at++];
        list_folder(list, here);
        free(here.path);
    }
}

static void put_end(struct list *list)
{
    for (size_t i = list->at; i < list->count && i < list->at + 1000 && list->cut; i++)
        put_about(list, list->queue[i].path, 0, 0);
    struct buffer *b = answer_begin(list->c, FILES_DONE);
    put_field(b, 1, list->place.path, strlen(list->place.path));
    put_field_number(b, 2, list->cut, 1);
    answer_end(list->c);
}

void files_list(struct files_connection *c, const struct frame *request)
{
    struct list *list = calloc(1, sizeof *list);
    if (!list) {
        send_fail(c, ENOMEM, NULL, NULL);
        return;
    }
    uint64_t limit = request_number(request, TAG_LIMIT, 1000);
    list->c = c;
    list->left = limit < MAX_ENTRIES ? limit : MAX_ENTRIES;
    list->depth = (uint32_t)request_number(request, TAG_DEPTH, 1);
    if (choice_read(c, request, &list->choice)) {
        if (place_open(c, request, &list->place)) {
            put_info(answer_begin(c, FILES_INFO), &list->place.st, list->place.path, NULL);
            answer_end(c);
            if (*list->place.file)
                put_entry(list, list->place.folder, list->place.file, list->place.file);
            else
                list_tree(list);
            put_end(list);
            close(list->place.folder);
        }
        choice_free(&list->choice);
    }
    while (list->at < list->count)
        free(list->queue[list->at++].path);
    ignore_leave(&list->newest, NULL);
    free(list->queue);
    free(list);
}
