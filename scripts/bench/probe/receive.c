// A fast syslog receiver. Counts the datagrams that arrive at a socket.
//
//   receive SOCKET
//
// Exits on SIGTERM, or $BENCH_TIMEOUT_MS milliseconds after the last datagram. Prints their number, and the time of the
// last one in nanoseconds.
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

enum { BATCH = 64 };
static volatile int got_term;

static void handle_term(int signal) {
    (void)signal;
    got_term = 1;
}

static long long clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv) {
    static char text[BATCH][8192];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ""};
    long timeout_ms = atol(getenv("BENCH_TIMEOUT_MS"));
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    int in = socket(AF_UNIX, SOCK_DGRAM, 0), n;
    long long received = 0, last = 0;
    (void)argc;
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    unlink(address.sun_path);
    if (bind(in, (struct sockaddr *)&address, sizeof address)) return 1;
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){text[i], sizeof text[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = parts + i, .msg_iovlen = 1};
    }
    // Without SA_RESTART: SIGTERM interrupts recvmmsg.
    struct sigaction action = {.sa_handler = handle_term};
    sigaction(SIGTERM, &action, 0);
    while (!got_term && (n = recvmmsg(in, messages, BATCH, MSG_WAITFORONE, 0)) > 0) {
        last = clock_now();
        // The timeout starts with the first datagram.
        if (!received) setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        received += n;
    }
    printf("%lld %lld\n", received, last);
    return 0;
}
