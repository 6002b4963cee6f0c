// The floor for supervisors: starts a command, waits for its exit, and starts it again. SIGTERM stops it.
//
//   supervise COMMAND… [-- LOGGER…]
//
// The logger, if there is one, reads the output of the command.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t cmd;
static volatile int stopping;

static void stop(int signal) {
    stopping = 1;
    kill(cmd, signal);
}

// Starts a program with descriptor `from` duplicated onto `to`, unless `from` is -1.
static pid_t start(char **argv, int from, int to) {
    pid_t pid = vfork();
    if (pid == 0) {
        if (from >= 0) dup2(from, to);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv) {
    char **command = argv + 1, **logger = command;
    int pipe_fds[2] = {-1, -1};
    (void)argc;
    while (*logger && strcmp(*logger, "--")) logger++;
    signal(SIGTERM, stop);
    if (*logger) {
        *logger++ = 0;
        if (pipe2(pipe_fds, O_CLOEXEC)) return 1;
        start(logger, pipe_fds[0], 0);
    }
    cmd = start(command, pipe_fds[1], 1);
    while (!stopping)
        if (wait(0) == cmd && !stopping) cmd = start(command, pipe_fds[1], 1);
    close(pipe_fds[1]);
    while (wait(0) > 0) {}
    return 0;
}
