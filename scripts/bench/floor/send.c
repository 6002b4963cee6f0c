// The least that a sender of syslog lines has to do: a datagram a line. `send SOCKET [many]` hands the
// kernel one at a time, or up to 64. What `make bench` measures others against.
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MANY = 64 };
static char buffer[65536];
static struct iovec parts[MANY][2];
static struct mmsghdr messages[MANY];

int main(int count, char **words) {
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = ""};
    strncpy(to.sun_path, words[1], sizeof to.sun_path - 1);
    int out = socket(AF_UNIX, SOCK_DGRAM, 0), most = count > 2 ? MANY : 1;
    if (connect(out, (struct sockaddr *)&to, sizeof to)) return 1;
    for (int i = 0; i < MANY; i++) {
        parts[i][0] = (struct iovec){"<13>name: ", 10};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = parts[i], .msg_iovlen = 2};
    }
    size_t kept = 0;
    ssize_t got;
    while ((got = read(0, buffer + kept, sizeof buffer - kept)) > 0) {
        char *at = buffer, *end = buffer + kept + got, *newline;
        while (at < end) {
            int n = 0;
            for (; n < most && (newline = memchr(at, '\n', end - at)); at = newline + 1)
                parts[n++][1] = (struct iovec){at, newline - at};
            if (!n) break;
            for (int sent = 0, now; sent < n; sent += now)
                if ((now = sendmmsg(out, messages + sent, n - sent, 0)) < 0) return 1;
        }
        kept = end - at;
        memmove(buffer, at, kept);
    }
    return 0;
}
