/* Tries what a command must not be able to do, and prints the name of each attempt that was not refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void expect(const char *name, long result, int error)
{
    if (result != -1 || errno != error)
        printf("%s: %ld, %s\n", name, result, result == -1 ? strerror(errno) : "not refused");
}

static void expect_options_refused(void)
{
    static const int options[][2] = {{SOL_SOCKET, SO_BINDTODEVICE}, {SOL_SOCKET, 62}, {0, 50}, {41, 76}};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0), value = 1;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        expect("bind to an interface", setsockopt(fd, options[i][0], options[i][1], &value, sizeof value), EPERM);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value))
        printf("an ordinary socket option: %s\n", strerror(errno));
}

#ifdef __x86_64__
/* getpid by the table of 32-bit system calls; the filter answers before the kernel looks at it. */
static long call_32_bit(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
    errno = (int)-result;
    return result < 0 ? -1 : result;
}
#endif

int main(void)
{
    expect("trace process 1", ptrace(PTRACE_ATTACH, 1, 0, 0), EPERM);
    expect("seize process 1", ptrace(PTRACE_SEIZE, 1, 0, 0), EPERM);
    expect("clone with a user namespace", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
    expect("clone3", syscall(SYS_clone3, 0, 0), ENOSYS);
    expect("unshare the network", syscall(SYS_unshare, CLONE_NEWNET), EPERM);
    expect("unshare time", syscall(SYS_unshare, 0x80), EPERM);
    expect("setns", syscall(SYS_setns, 0, 0), EPERM);
    expect("mount", syscall(SYS_mount, "x", "/mnt", "tmpfs", 0, 0), EPERM);
    expect("open_tree", syscall(SYS_open_tree, -100, "/", 1), EPERM);
    expect("fsopen", syscall(SYS_fsopen, "tmpfs", 0), EPERM);
    expect("keyctl", syscall(SYS_keyctl, 0, -3, 1), EPERM);
    expect("bpf", syscall(SYS_bpf, 0, 0, 0), EPERM);
    expect("perf_event_open", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0), EPERM);
    expect("userfaultfd", syscall(SYS_userfaultfd, 0), EPERM);
    expect("io_uring_setup", syscall(SYS_io_uring_setup, 1, 0), EPERM);
    expect("open_by_handle_at", syscall(SYS_open_by_handle_at, -100, 0, 0), EPERM);
    expect("init_module", syscall(SYS_init_module, 0, 0, ""), EPERM);
    expect("a socket to the hypervisor", socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
    expect("a kernel crypto socket", socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
    expect("a packet socket", socket(AF_PACKET, SOCK_RAW, 0), EPERM);
    expect_options_refused();
#ifdef __x86_64__
    expect("a 32-bit system call", call_32_bit(), ENOSYS);
    expect("an x32 system call", syscall(0x40000000 | SYS_getpid), ENOSYS);
#endif
    puts("done");
    return 0;
}
