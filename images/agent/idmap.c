/*
 * `agent idmap`: run on the host by root, before a sandbox starts. Mounts a folder once more so that its owner appears
 * as root, which is who commands run as: what they make in a workspace belongs to the workspace's owner, not to root.
 * On disk, root then does not exist: nothing in a sandbox can leave a file of the host's root there.
 */
#include "agent.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_FAILED = 1 };
/* Beyond what systemd and the shadow suite hand out: systemd.io/UIDS-GIDS. */
#define NOBODYS_IDS 2000000000ul
#define OTHER_USERS 65534ul

/*
 * The ids of a user namespace: `on disk, as seen, how many`. The owner is seen as 0. The sandbox's other users are, on
 * disk, ids that no host gives to anybody: a set-id file of theirs is worth nothing there. All else is seen as nobody.
 */
static bool write_map(pid_t pid, const char *name, unsigned long owner)
{
    char path[64], map[192];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int length = snprintf(map, sizeof map, "%lu 0 1\n%lu 1 %lu\n", owner, NOBODYS_IDS + 1, OTHER_USERS);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = write(fd, map, (size_t)length) == length;
    close(fd);
    return done;
}

static int open_namespace(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* A user namespace lives as long as a descriptor of it: the process that made it is needed only to write the maps. */
static int namespace_for(unsigned long uid, unsigned long gid)
{
    int ready[2];
    if (pipe(ready))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char byte = unshare(CLONE_NEWUSER) ? 1 : 0;
        if (write(ready[1], &byte, 1) == 1)
            pause();
        _exit(0);
    }
    char failed = 1;
    int fd = -1;
    if (pid > 0 && read(ready[0], &failed, 1) == 1 && !failed && write_map(pid, "uid_map", uid) && write_map(pid, "gid_map", gid))
        fd = open_namespace(pid);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(ready[0]);
    close(ready[1]);
    return fd;
}

static const char *mount_mapped(const char *source, const char *target, int namespace)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return "open_tree";
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)namespace};
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes))
        return "mount_setattr";
    if (mkdir(target, 0700) && errno != EEXIST)
        return "mkdir";
    return syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) ? "move_mount" : NULL;
}

static int fail(const char *what)
{
    fprintf(stderr, "agent idmap: %s: %s\n", what, strerror(errno));
    return EXIT_FAILED;
}

/* `agent idmap SOURCE TARGET` mounts, `agent idmap --undo TARGET` unmounts; the owner is SOURCE's. */
int idmap(int count, char **words)
{
    if (count == 2 && !strcmp(words[0], "--undo"))
        return umount2(words[1], MNT_DETACH) && errno != EINVAL && errno != ENOENT ? fail("umount") : 0;
    struct stat source;
    if (count != 2 || words[0][0] != '/' || words[1][0] != '/') {
        fputs("usage: agent idmap /SOURCE /TARGET | agent idmap --undo /TARGET\n", stderr);
        return 2;
    }
    if (stat(words[0], &source))
        return fail(words[0]);
    if (source.st_uid == 0 && source.st_gid == 0) {
        errno = EINVAL;
        return fail("the folder belongs to root, which needs no mapping");
    }
    int namespace = namespace_for(source.st_uid, source.st_gid);
    if (namespace < 0)
        return fail("user namespace");
    const char *failed = mount_mapped(words[0], words[1], namespace);
    return failed ? fail(failed) : 0;
}
