// The least that a supervisor has to do: start a command, wait, start it again; with `--`, a second one
// that reads what the first writes. TERM ends both. What `make bench` measures others against.
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

static pid_t start(char **words, int from, int to) {
    pid_t pid = vfork();
    if (pid == 0) {
        if (from >= 0) dup2(from, to);
        execv(words[0], words);
        _exit(127);
    }
    return pid;
}

int main(int count, char **words) {
    char **command = words + 1, **log = command;
    int ends[2] = {-1, -1};
    while (*log && strcmp(*log, "--")) log++;
    signal(SIGTERM, stop);
    if (*log) {
        *log++ = 0;
        if (pipe2(ends, O_CLOEXEC)) return 1;
        start(log, ends[0], 0);
    }
    (void)count;
    cmd = start(command, ends[1], 1);
    while (!stopping) {
        if (wait(0) == cmd && !stopping) cmd = start(command, ends[1], 1);
    }
    close(ends[1]);
    while (wait(0) > 0) {}
    return 0;
}
