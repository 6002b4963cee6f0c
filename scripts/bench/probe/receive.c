// A fast receiver of syslog lines: `receive SOCKET` counts the datagrams that come and, when none has come
// for so many milliseconds ($BENCH_QUIET), or TERM comes, prints how many there were, and the time of the last in nanoseconds.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 64 };
static volatile int told;

static void note(int signal) {
    (void)signal;
    told = 1;
}

static long long clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int count, char **words) {
    static char text[MANY][8192];
    static struct iovec parts[MANY];
    static struct mmsghdr messages[MANY];
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = ""};
    long quiet = atol(getenv("BENCH_QUIET"));
    struct timeval time = {quiet / 1000, quiet % 1000 * 1000};
    int in = socket(AF_UNIX, SOCK_DGRAM, 0), n;
    long long lines = 0, last = 0;
    (void)count;
    strncpy(at.sun_path, words[1], sizeof at.sun_path - 1);
    unlink(at.sun_path);
    if (bind(in, (struct sockaddr *)&at, sizeof at)) return 1;
    for (int i = 0; i < MANY; i++) {
        parts[i] = (struct iovec){text[i], sizeof text[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = parts + i, .msg_iovlen = 1};
    }
    struct sigaction action = {.sa_handler = note};
    sigaction(SIGTERM, &action, 0);
    while (!told && (n = recvmmsg(in, messages, MANY, MSG_WAITFORONE, 0)) > 0) {
        last = clock_now();
        if (!lines) // until here it has waited for ever
            setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        lines += n;
    }
    printf("%lld %lld\n", lines, last);
    return 0;
}
